// Calls demo.Notes as its users do: `ballast run client.js`.

import * as grpc from './lib/grpc.js'

var agent = new http.Agent('localhost:9000', { version: 2, maxQueue: 100 })

var fields = o => {
  var m = new protobuf.Message
  Object.entries(o).forEach(([n, v]) => { m.setString(Number.parseInt(n), v) })
  return grpc.frame(protobuf.encode(m))
}

var call = (method, body, headers) => agent
  .request(grpc.request('demo.Notes', method, body, { 'x-token': 't0k', ...headers }))
  .then(m => ({
    status: m.head.headers['grpc-status'] || m.tail.headers['grpc-status'],
    said: URL.decodeComponent(m.head.headers['grpc-message'] || m.tail.headers['grpc-message'] || ''),
    inTrailers: !m.head.headers['grpc-status'],
    messages: grpc.unframe(m.body).map(d => protobuf.decode(d)),
  }))

function tell(name, r, text) {
  println(name, r.status, r.inTrailers, r.said, r.messages.map(text || (m => m.getString(1))).join())
}

// Sends the next message when the last one came back.
function chat(words) {
  var answer
  var got = new Data
  var next = new Promise(r => { answer = r })
  var talk = pipeline($ => $
    .muxHTTP(() => 'chat', { version: 2 }).to($ => $.connect('localhost:9000'))
    .handleData(data => {
      got.push(data)
      var all = grpc.unframe(got)
      if (!all.length) return
      got = new Data
      answer(all[0].toString())
    })
    .handleMessageEnd(me => println('chat', me.tail.headers['grpc-status']))
    .replaceMessageEnd(() => new StreamEnd))
  var turn = -1
  return talk.process(() => {
    turn++
    if (turn === 0) return new MessageStart(grpc.request('demo.Notes', 'Chat', null, { 'x-token': 't0k' }).head)
    if (turn === 1) return grpc.frame(new Data(words[0]))
    if (turn - 2 < words.length) return next.then(word => {
      println('chat', word)
      next = new Promise(r => { answer = r })
      return turn - 1 < words.length ? grpc.frame(new Data(words[turn - 1])) : new MessageEnd
    })
  })
}

var big = 'x'.repeat(300000)

call('Put', fields({ 1: 'a/1', 2: 'hello' }))
  .then(r => tell('put', r, m => m.getInt32(1)))
  .then(() => call('Put', fields({ 1: 'a/2', 2: big })))
  .then(r => tell('put', r, m => m.getInt32(1)))
  .then(() => Promise.all([call('List', fields({ 1: 'a/' })), call('List', fields({ 1: 'z' })), call('Put', fields({ 2: 'x' }))]))
  .then(all => all.forEach(r => tell('many', r)))
  .then(() => call('Join', fields({ 2: 'x' }).push(fields({ 2: 'y' })).push(fields({ 2: 'z' }))))
  .then(r => tell('join', r, m => m.getString(2)))
  .then(() => call('Nope', fields({})))
  .then(r => tell('nope', r))
  .then(() => call('Put', fields({}), { 'x-token': 'wrong' }))
  .then(r => tell('token', r))
  .then(() => call('Sleep', fields({ 1: '30' }), { 'grpc-timeout': '100m' }))
  .then(r => tell('late', r))
  .then(() => call('Sleep', fields({ 1: '0.01' }), { 'grpc-timeout': '20S' }))
  .then(r => tell('in time', r, () => 'slept'))
  .then(() => agent.request(grpc.request('demo.Down', 'Any', fields({}))))
  .then(m => println('down', m.head.headers['grpc-status'], URL.decodeComponent(m.head.headers['grpc-message'])))
  .then(() => chat(['one', 'two', 'three']))
  .then(() => pipy.exit(0))
  .catch(e => { println('failed', e); pipy.exit(1) })
