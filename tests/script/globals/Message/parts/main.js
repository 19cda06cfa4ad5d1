// globals.md 3: new Message(head?, body?, tail?, payload?), or new Message(body) for a string or Data; model.md 1.1: new Message(head) has body null.
pipy().task().onStart(() => {
  var whole = new Message({ status: 201 }, 'made', { headers: { 'grpc-status': '0' } }, 7)
  println(whole.head.status, whole.body.toString(), whole.tail.headers['grpc-status'], whole.payload)
  println(new Message('text').head, new Message('text').body.toString(), new Message({}).body)
  return new StreamEnd
})
