// model.md 1.1: new MessageEnd(tail?, payload?) has type, tail and payload, the payload any value.
pipy().task().onStart(() => {
  var end = new MessageEnd({ a: 1 }, ['x'])
  println(end.type, end.tail.a, end.payload[0])
  return new StreamEnd
})
