// globals.md 12: new CUnion. Members of a union share their place; its size is that of the largest, at its alignment (System V ABI for
// x86-64, section 3.1.2).
pipy().task().onStart(() => {
  var address = new CUnion({ v4: 'uint8[4]', v6: 'uint8[9]', word: 'uint32' })
  println(address.size, address.encode({ word: 0x0100007f }).toString('hex'))
  println(JSON.stringify(address.decode(address.encode({ v4: [10, 0, 0, 1] }))))
  println(new CStruct({ kind: 'uint8', address }).reflect().fields[1].offset)
  return new StreamEnd
})
