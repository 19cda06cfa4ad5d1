// globals.md 12: types 'int8'..'uint64', 'char[16]', 'uint8[4]', nested structs; size, encode, decode, reflect; native byte order and
// alignment. Offsets: System V ABI for x86-64 (section 3.1.2): a field stands at a multiple of its alignment, and so does the size.
pipy().task().onStart(() => {
  var point = new CStruct({ x: 'int16', y: 'int32' })
  var all = new CStruct({
    flag: 'uint8', count: 'uint32', small: 'int16', big: 'uint64', name: 'char[6]', ip: 'uint8[4]', at: point, tail: 'int8',
  })
  println(point.size, all.size)
  println(all.reflect().fields.map(({ name, type, offset, size }) => `${name} ${type} ${offset} ${size}`).join(', '))
  var bytes = all.encode({
    flag: 255, count: 1, small: -2, big: 258, name: 'eth0', ip: [127, 0, 0, 1], at: { x: -1, y: 2 }, tail: -1,
  })
  println(bytes.toString('hex'))
  println(JSON.stringify(all.decode(bytes)))
  // What is missing is 0; what a number does not hold exactly is an Int.
  println(all.encode({}).toString('hex') === '00'.repeat(all.size))
  var { big } = all.decode(all.encode({ big: new Int('u64', '18446744073709551615') }))
  println(big instanceof Int, big.toString())
  println(new CStruct({ a: 'int64', d: 'double', f: 'float' }).encode({ a: -1, d: 1, f: 1 }).toString('hex'))
  println(new CStruct({}).size)
  return new StreamEnd
})
