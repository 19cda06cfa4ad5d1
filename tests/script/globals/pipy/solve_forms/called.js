((
  a = 1,
  b = a + 1,
) => (
  { sum: a + b }
))().sum
