// demo.Notes: a service of our own.
//
//   Put(1: id, 2: text) -> (1: bytes)        unary
//   List(1: prefix) -> stream (1: id)        server streaming
//   Join(stream 2: text) -> (2: text)        client streaming
//   Chat(stream any) -> stream the same      both ways
//   Sleep(1: id as seconds) -> ()            for those who are in a hurry

import * as grpc from './grpc.js'

var notes = {}

function message(data) {
  try { return protobuf.decode(data) } catch (e) { return null }
}

function one(m) {
  return message(grpc.unframe(m.body)[0] || new Data)
}

var unary = f => $ => $.replaceMessage(m => {
  var input = one(m)
  return input ? f(input) : grpc.failure(grpc.INVALID_ARGUMENT, 'no message')
})

function answer(build) {
  var output = new protobuf.Message
  build(output)
  return [grpc.start(), grpc.frame(protobuf.encode(output)), grpc.end(grpc.OK)]
}

export var methods = {
  Put: unary(m => {
    var id = m.getString(1)
    if (!id) return grpc.failure(grpc.INVALID_ARGUMENT, 'id: is missing, 100%')
    notes[id] = m.getString(2)
    return answer(o => o.setInt32(1, new Data(notes[id]).size))
  }),

  List: unary(m => {
    var found = Object.keys(notes).filter(id => id.startsWith(m.getString(1) || '')).sort()
    if (!found.length) return [grpc.start(), grpc.end(grpc.NOT_FOUND, 'nothing%20there')]
    return [
      grpc.start(),
      ...found.map(id => {
        var o = new protobuf.Message
        o.setString(1, id)
        return grpc.frame(protobuf.encode(o))
      }),
      grpc.end(grpc.OK),
    ]
  }),

  Join: $ => $.replaceMessage(m => {
    var all = grpc.unframe(m.body).map(data => message(data).getString(2))
    return answer(o => o.setString(2, all.join('+')))
  }),

  Chat: $ => $.replaceMessageStart(() => grpc.start()).replaceMessageEnd(() => grpc.end(grpc.OK)),

  Sleep: unary(m => new Timeout(Number.parseFloat(m.getString(1))).wait().then(() => answer(() => {}))),
}
