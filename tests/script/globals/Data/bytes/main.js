// globals.md 3: push appends and gives itself, shift and pop remove from the front and the end, toString takes an encoding.
pipy().task().onStart(() => {
  var data = new Data('hello').push(' ').push(new Data('776f726c64', 'hex'))
  println(data.size, data.toString())
  println(data.shift(6).toString(), data.pop(2).toString(), data.toString())
  println(new Data([104, 105]).toString('base64'), new Data('hi').toString('hex'))
  println(new Data('a,b,c').shiftTo(byte => byte === 44).toString(), new Data('aab').shiftWhile(byte => byte === 97).size)
  return new StreamEnd
})
