// globals.md 12: Hessian 2 to values; objects and maps as plain objects. Bytes: hessian.caucho.com, the grammar's examples.
pipy().task().onStart(() => {
  var decode = hex => JSON.stringify(Hessian.decode(Data.from(hex, 'hex')))
  // An int, a string, a fixed-length typed list, a map, null.
  println(decode('c80005' + '68656c6c6f' + '72045b696e749091' + '489103666565a0036669655a' + '4e'))
  // Two objects of one class.
  println(decode('43014192' + '0178' + '0179' + '4f909192' + '609394'))
  println(Hessian.encode('hello', 300, [0, 1.5], { a: null, b: true }).toString('hex'))
  var again = Hessian.decode(Hessian.encode([1, 'two', { three: new Data('3') }, new Date(894621091000)]))[0]
  println(again[0] + 1, again[1], again[2].three.toString(), again[3].getTime())
  // 2^63 - 1 stays what it is; a list that holds itself is one.
  var [long, list] = Hessian.decode(Data.from('4c7fffffffffffffff' + '795190', 'hex'))
  println(long.toString(), Hessian.encode(long).toString('hex'), list[0] === list)
  println(invoke(() => Hessian.encode(list), message => message))
  println(invoke(() => Hessian.decode(new Data('\x05hell')), message => message))
  println(invoke(() => Hessian.encode(() => 0), 'threw'))
  return new StreamEnd
})
