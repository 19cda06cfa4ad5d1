// model.md 1.1: new MessageStart(head?) has type and head; the head is any object or null.
pipy().task().onStart(() => {
  var start = new MessageStart({ path: '/a' })
  println(start.type, start.head.path, (new MessageStart).head)
  return new StreamEnd
})
