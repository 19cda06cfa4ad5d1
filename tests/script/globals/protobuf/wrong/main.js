// globals.md 12: protobuf.decode of what is none throws (protobuf.dev, "Encoding": wire types 3 and 4 are groups, which are no more).
pipy().task().onStart(() => {
  var tell = text => println(invoke(() => protobuf.decode(Data.from(text, 'hex')), message => message))
  tell('0896')
  tell('0a05')
  tell('0b')
  tell('00')
  tell('08ffffffffffffffffffff01')
  var round = new protobuf.Message
  println(invoke(() => protobuf.encode(round.setMessage(1, round)), message => message))
  println(invoke(() => round.setInt32(0, 1), message => message))
  return new StreamEnd
})
