// globals.md 12: zlib.deflate, inflate, gzip, gunzip: Data to Data; null or throws on error. The hexadecimal text is what gzip(1) makes of `hello`.
pipy().task().onStart(() => {
  var text = 'hello '.repeat(1000)
  var small = zlib.gzip(new Data(text))
  println(small.size < 100, zlib.gunzip(small).toString() === text, zlib.inflate(zlib.deflate(new Data(text))).toString() === text)
  println(zlib.gunzip(new Data('1f8b0800000000000003cb48cdc9c9070086a6103605000000', 'hex')).toString())
  println(invoke(() => zlib.inflate(new Data('no such thing')), 'threw'))
  return new StreamEnd
})
