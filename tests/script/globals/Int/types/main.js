// globals.md 1: new Int(value), new Int(type, value?), from a number, a string or bytes; type, width, low, high, isUnsigned; toString,
// toBytes, Int.parse; in arithmetic a number.
pipy().task().onStart(() => {
  var show = int => println(int.type, int.width, int.low, int.high, int.isUnsigned, int.toString())
  show(new Int(5))
  show(new Int('u8', 257))
  show(new Int('i8', 255))
  show(new Int('u64', '18446744073709551615'))
  show(new Int('i32'))
  show(new Int('u16', [1, 2]))
  show(new Int(new Int('i16', -3)))
  println(new Int(5) + 1, new Int(-1.9) * 2, new Int('u64', '18446744073709551615').toString(16))
  println(new Int('u32', 0x01020304).toBytes().join(' '), new Int('i16', -2).toBytes().join(' '))
  println(Int.parse('ff', 16).toString(), Int.parse('-12').toString(), Int.parse('x'), invoke(() => new Int('x'), message => message))
  return new StreamEnd
})
