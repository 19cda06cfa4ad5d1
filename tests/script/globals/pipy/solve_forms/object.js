// A configuration.
{
  "list": [{ name: 'a' }, { name: 'b' }],
  f: () => 1,
};
