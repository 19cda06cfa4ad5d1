// globals.md 12: RESP.decode and encode, as the codec: bulk strings are Data, errors are Errors.
pipy().task().onStart(() => {
  println(RESP.encode(['GET', 1]).toString().split('\r\n').join(' '))
  var values = RESP.decode(new Data('$2\r\nhi\r\n-oops\r\n:3\r\n'))
  println(values.length, values[0].toString(), values[1].message, values[2] + 1)
  println(invoke(() => RESP.decode(new Data('$2\r\nh')), 'threw'))
  return new StreamEnd
})
