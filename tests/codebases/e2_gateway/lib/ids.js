((
  hex = '0123456789abcdef',
  make = n => new Array(n).fill(0).map(() => hex[Math.floor(Math.random() * 16)]).join(''),
) => ({
  id16: () => make(16),
  id32: () => algo.uuid().replaceAll('-', ''),
}))()
