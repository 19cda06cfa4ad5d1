// globals.md 12: new CString(size): text that ends at its first zero byte.
pipy().task().onStart(() => {
  var name = new CString(8)
  println(name.size, name.encode('eth0').toString('hex'), name.decode(new Data('lo\0xxxxx')))
  println(name.encode('longer than that').toString(), name.decode(new Data('12345678')))
  println(new CStruct({ a: 'uint8', name }).encode({ a: 1, name: 'b' }).toString('hex'))
  return new StreamEnd
})
