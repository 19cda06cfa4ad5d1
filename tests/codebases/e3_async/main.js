// Callbacks that are late, that throw and that refuse, in every filter that takes them, and small networks of listeners in
// one process; what comes out is compared with what pipyjs/filters.md, model.md and http.md say.
import { check, collect, report } from './lib/check.js'

var $n = 0
var $log = ''
var $ctx

var later = v => new Timeout(0.005).wait().then(() => v)
var refuse = e => new Timeout(0.005).wait().then(() => { throw e })
var message = () => [new MessageStart({ a: 1 }), new Data('b'), new MessageEnd, new StreamEnd]
var all = ['S:{"a":1}', 'D:b', 'M:', 'E:']

var tests = []
function test(name, fn, expected) { tests.push([name, fn, expected]) }

// ---- observers: what they answer is not looked at, but a promise holds the stream, and a refusal ends it
var observers = {
  handle: 0, handleStreamStart: 0, handleMessageStart: 0, handleData: 1, handleMessage: 2, handleMessageBody: 2, handleMessageEnd: 2, handleStreamEnd: 3,
}
Object.entries(observers).forEach(([name, passed]) => {
  test(name + ' ignores values', () => collect(pipeline($ => $[name](() => 'x')), message()), all)
  test(name + ' waits', () => collect(pipeline($ => $[name](() => later('x'))), message()), all)
  test(name + ' refuses', () => collect(pipeline($ => $[name](() => refuse(new Error('r')))), message()), all.slice(0, passed).concat('E:Error: r'))
  test(name + ' refuses with a name', () => collect(pipeline($ => $[name](() => refuse('Unauthorized'))), message()), all.slice(0, passed).concat('E:Unauthorized'))
  test(name + ' throws', () => collect(pipeline($ => $[name](() => { throw new Error('t') })), message()), all.slice(0, passed).concat('E:Error: t'))
})

// ---- replacers
var replacers = {
  replace: 0, replaceStreamStart: 0, replaceMessageStart: 0, replaceData: 1, replaceMessage: 0, replaceMessageBody: 1, replaceMessageEnd: 2, replaceStreamEnd: 3,
}
Object.entries(replacers).forEach(([name, passed]) => {
  var head = all.slice(0, passed)
  test(name + ' ends', () => collect(pipeline($ => $[name](() => new StreamEnd('ReadTimeout'))), message()), head.concat('E:ReadTimeout'))
  test(name + ' ends later', () => collect(pipeline($ => $[name](() => later(new StreamEnd('BufferOverflow')))), message()), head.concat('E:BufferOverflow'))
  test(name + ' refuses', () => collect(pipeline($ => $[name](() => refuse(new Error('r')))), message()), head.concat('E:Error: r'))
  test(name + ' throws', () => collect(pipeline($ => $[name](() => { throw new Error('t') })), message()), head.concat('E:Error: t'))
  test(name + ' answers nonsense', () => collect(pipeline($ => $[name](() => 42)), message())
    .then(r => r.slice(0, passed).concat(r.find(x => x.startsWith('E:')))), head.concat('E:Error: replacement is not an event or Message or an array of those'))
  test(name + ' promises nonsense', () => collect(pipeline($ => $[name](() => later('text'))), message())
    .then(r => r.slice(0, passed).concat(r.find(x => x.startsWith('E:')))), head.concat('E:Error: replacement is not an event or Message or an array of those'))
})
test('replacers in a row', () => collect(pipeline($ => $
  .replaceMessageStart(m => later(new MessageStart({ b: 2 })))
  .replaceData(d => later([null, new Data(d + '1'), undefined, new Data(d + '2')]))
  .replaceMessageEnd(m => later([new Data('!'), m]))
  .replaceStreamEnd(e => later([new Message('bye'), e]))
), message()), ['S:{"b":2}', 'D:b1', 'D:b2', 'D:!', 'M:', 'S:', 'D:bye', 'M:', 'E:'])
test('a promise of a promise', () => collect(pipeline($ => $.replaceMessage(m => later(later(m)))), message()), all)

// ---- every name of an end, and values that are none
;['Replay', 'RuntimeError', 'ReadError', 'WriteError', 'CannotResolve', 'ConnectionAborted', 'ConnectionReset', 'ConnectionRefused', 'ConnectionTimeout',
  'ReadTimeout', 'WriteTimeout', 'IdleTimeout', 'BufferOverflow', 'ProtocolError', 'Unauthorized', 'MadeUp',
].forEach(name => {
  test('end ' + name, () => collect(pipeline($ => $.replaceStreamEnd(() => new StreamEnd(name)).handleStreamEnd(e => { $log = e.error }).replaceStreamEnd(e => e.error === $log ? e : null)), [new StreamEnd]), ['E:' + name])
})
test('end with an object', () => collect(pipeline($ => $.replaceData(() => new StreamEnd({ code: 7 })).replaceStreamEnd(e => new Data('' + e.error.code)).replaceData(d => [d, new StreamEnd])), [new Data('x')]).then(r => r[0]), 'D:7')
test('end of nothing', () => [typeof new StreamEnd().error, typeof new StreamEnd(undefined).error, new StreamEnd().type].join(), 'undefined,undefined,StreamEnd')

// ---- onStart and onEnd
test('onStart promises a promise', () => collect(pipeline($ => $.onStart(() => later(later([new Data('a'), new Data('b')])))), [new StreamEnd]), ['D:a', 'D:b', 'E:'])
test('onStart throws', () => collect(pipeline($ => $.onStart(() => { throw new Error('s') })), [new Data('x')]), ['E:Error: s'])
test('onStart refuses', () => collect(pipeline($ => $.onStart(() => refuse(new Error('s')))), [new Data('x')]), ['E:Error: s'])
test('onStart promises nothing', () => collect(pipeline($ => $.onStart(() => later())), [new Data('x'), new StreamEnd]), ['D:x', 'E:'])
test('onStart answers nonsense', () => collect(pipeline($ => $.onStart(() => 5)), [new Data]).then(r => r[0].slice(0, 3)), 'E:E')
test('onEnd throws', () => pipeline($ => $.onStart(new StreamEnd).onEnd(() => { throw new Error('late') })).spawn().then(v => typeof v), 'undefined')
test('onStart array', () => collect(pipeline($ => $.onStart([new Message({ x: 1 }, 'm'), null, new StreamEnd])), [new Data]), ['S:{"x":1}', 'D:m', 'M:', 'E:'])

// ---- gates, forks, retries
test('insert promise', () => collect(pipeline($ => $.insert(() => later(new Data('i'))).replaceData(d => d.toString() === 'i' ? [d, new StreamEnd] : d)), [new Data('x')]), ['D:x', 'D:i', 'E:'])
test('wait throws', () => collect(pipeline($ => $.wait(() => { throw new Error('w') })), [new Data('x')]), ['E:Error: w'])
test('wait timeout', () => collect(pipeline($ => $.wait(() => false, { timeout: 0.05 })), [new Data('x'), new StreamEnd]), ['D:x', 'E:'])
test('repeat refuses', () => collect(pipeline($ => $.repeat(() => refuse(new Error('no'))).to($ => $)), [new StreamEnd]), ['E:Error: no'])
test('repeat throws', () => collect(pipeline($ => $.repeat(() => { throw new Error('no') }).to($ => $)), [new StreamEnd]), ['E:Error: no'])
test('repeat sees the end', () => collect(pipeline($ => $.onStart(() => { $n = 0 })
  .repeat(se => se.error === 'ReadError' && later(true)).to($ => $.replaceMessage(m => ++$n < 3 ? new StreamEnd('ReadError') : new Message('try ' + $n)))), [new Message('q'), new StreamEnd]), ['S:', 'D:try 3', 'M:', 'E:'])
test('replay', () => collect(pipeline($ => $.onStart(() => { $n = 0 })
  .replay({ delay: () => 0.01 }).to($ => $.replaceMessage(m => ++$n < 3 ? new StreamEnd('Replay') : m + '' && new Message(m.body + '' + $n)))), [new Message('q'), new StreamEnd]), ['S:', 'D:q3', 'M:', 'E:'])
test('fork promise', () => { var seen = []
  return collect(pipeline($ => $.fork(() => later([1, 2])).to($ => $.onStart(i => { $n = i }).handleData(d => { seen.push($n + '' + d) })).replaceStreamEnd(e => later(new StreamEnd(seen.join())))), [new Data('x'), new StreamEnd]) }, ['D:x', 'E:1x,2x'])
test('forkRace of promises', () => collect(pipeline($ => $.forkRace(() => later([0.2, 0.01])).to($ => $.onStart(s => { $n = s }).replaceData(d => new Timeout($n).wait().then(() => [new Data(d + '' + $n), new StreamEnd])))), [new Data('x')]), ['D:x0.01', 'E:'])
test('forkJoin refuses', () => collect(pipeline($ => $.forkJoin(() => refuse(new Error('f'))).to($ => $)), [new Data('x')]), ['E:Error: f'])

// ---- $ => $ with plain functions, arrays and names
var tag = s => $ => $.replaceData(d => new Data(d + s))
var compose = fns => $ => fns.reduce(($, f) => f($), $)
test('composed builders', () => collect(pipeline(compose([tag('1'), tag('2'), tag('3')])), [new Data('x'), new StreamEnd]), ['D:x123', 'E:'])
test('plain if', () => collect(pipeline($ => { if (tests.length) tag('y')($); else $.dummy(); $.replaceData(d => new Data(d + '.')) }), [new Data('x'), new StreamEnd]), ['D:xy.', 'E:'])
test('pipe mixes kinds', () => collect(pipeline($ => $.pipe(['a', pipeline($ => tag('b')($).pipeNext()), pipeline(tag('c'))], { a: $ => tag('a')($).pipeNext() })), [new Data('x'), new StreamEnd]), ['D:xabc', 'E:'])
test('pipe function of event', () => collect(pipeline($ => $.pipe(e => e instanceof MessageStart && (e.head.a ? 'one' : 'two'), { one: tag('1'), two: tag('2') })), message()), ['S:{"a":1}', 'D:b1', 'M:', 'E:'])
test('pipe next args', () => collect(pipeline($ => $.pipe(['a', 'b'], {
  a: $ => $.onStart(x => { $n = x }).pipeNext(() => [$n + 1]), b: $ => $.onStart(x => { $log = x }).replaceData(() => new Data('' + $log)) }, [1])), [new Data('x'), new StreamEnd]), ['D:2', 'E:'])
test('pipe throws', () => collect(pipeline($ => $.pipe(() => { throw new Error('p') })), [new Data('x')]), ['E:Error: p'])

// ---- connect: what fails has its name; options may come from a function
var open = fn => { pipy.listen('127.0.0.1:7001', fn) }
open($ => $.replaceData(d => d.toString() === 'quit' ? new StreamEnd : d.toString() === 'reset' ? new StreamEnd('ConnectionReset') : d.toString() === 'slow' ? new Timeout(3).wait() : d))
pipy.listen('127.0.0.1:7002', $ => $.onStart(i => new Data(i.localPort + ' hello')))
var call = (target, options, first) => collect(pipeline($ => $.connect(target, options).replaceData(d => d.size ? [d, new StreamEnd] : null)), [new Data(first || 'x')])
test('connect', () => call('127.0.0.1:7001'), ['D:x', 'E:'])
test('connect promised', () => call(() => later('localhost:7001'), () => ({ connectTimeout: 1, noDelay: true })), ['D:x', 'E:'])
test('connect endpoint', () => call(new IPEndpoint('127.0.0.1', 7001)), ['D:x', 'E:'])
test('connect refused', () => call('127.0.0.1:7009', { retryCount: 2, retryDelay: 0.01 }), ['E:ConnectionRefused'])
test('connect nowhere', () => call('nowhere.invalid:1'), ['E:CannotResolve'])
test('connect nothing', () => call(() => undefined), ['E:Error: invalid target'])
test('connect throws', () => call(() => { throw new Error('c') }), ['E:Error: c'])
test('connect refuses', () => call(() => refuse(new Error('c'))), ['E:Error: c'])
test('connect eof', () => call('127.0.0.1:7001', {}, 'quit'), ['E:'])
test('connect read timeout', () => call('127.0.0.1:7001', { readTimeout: 1 }, 'slow'), ['E:ReadTimeout'])
test('connect idle timeout', () => call('127.0.0.1:7001', { idleTimeout: 1 }, 'slow'), ['E:IdleTimeout'])
test('connect states', () => { var states = []
  return collect(pipeline($ => $.connect('127.0.0.1:7001', { onState: o => { states.push(o.state) } }).replaceData(d => [d, new StreamEnd])), [new Data('x')])
    .then(() => new Timeout(0.05).wait()).then(() => states.filter(s => s !== 'closed').join()) }, 'open,connecting,connected')
test('flush dials', () => collect(pipeline($ => $.onStart(() => new Data).connect('127.0.0.1:7002').replaceData(d => d.size ? [d, new StreamEnd] : null)), [new Data]), ['D:7002 hello', 'E:'])

// ---- tunnels in chains
pipy.listen('127.0.0.1:7010', $ => $.acceptSOCKS(r => { $ctx = (r.domain || r.ip) + ':' + r.port; return r.port !== 9 }).to($ => $.connect(() => $ctx)))
pipy.listen('127.0.0.1:7011', $ => $.acceptSOCKS(r => { $ctx = (r.domain || r.ip) + ':' + r.port; return true }).to($ => $
  .connectSOCKS(() => $ctx).to($ => $.connect('127.0.0.1:7010'))))
var viaSOCKS = (port, target) => collect(pipeline($ => $.connectSOCKS(() => target).to($ => $.connect('127.0.0.1:' + port)).replaceData(d => d.size ? [d, new StreamEnd] : null)), [new Data('x')])
test('socks', () => viaSOCKS(7010, '127.0.0.1:7001'), ['D:x', 'E:'])
test('socks of a domain', () => viaSOCKS(7010, 'localhost:7001'), ['D:x', 'E:'])
test('socks chain', () => viaSOCKS(7011, 'localhost:7001'), ['D:x', 'E:'])
test('socks refused', () => viaSOCKS(7010, '127.0.0.1:9'), ['E:ConnectionRefused'])
var seen = []
pipy.listen('127.0.0.1:7012', $ => $.acceptProxyProtocol(h => { $ctx = h; return later(h.sourcePort !== 1) }).to($ => $
  .replaceData(d => new Data([$ctx.version, $ctx.command, $ctx.protocol, $ctx.sourceAddress, $ctx.sourcePort, $ctx.targetAddress, $ctx.targetPort, d].join(' ')))))
var viaPROXY = header => collect(pipeline($ => $.connectProxyProtocol(header).to($ => $.connect('127.0.0.1:7012')).replaceData(d => d.size ? [d, new StreamEnd] : null)), [new Data('x')])
var header = { protocol: 'TCP4', sourceAddress: '1.2.3.4', sourcePort: 5, targetAddress: '6.7.8.9', targetPort: 10 }
test('proxy 1', () => viaPROXY(header).then(r => r[0].split(' ').slice(2).join(' ')), 'TCP4 1.2.3.4 5 6.7.8.9 10 x')
test('proxy 2', () => viaPROXY(() => ({ ...header, version: 2, command: 'PROXY' })), ['D:2 PROXY TCP4 1.2.3.4 5 6.7.8.9 10 x', 'E:'])
test('proxy refused', () => viaPROXY({ ...header, sourcePort: 1 }), ['E:'])
pipy.listen('127.0.0.1:7013', $ => $.demuxHTTP().to($ => $.acceptHTTPTunnel(m => { $ctx = m.head.path; return m.head.method === 'CONNECT' ? later(null) : new Message({ status: 405 }) }).to($ => $.connect(() => $ctx))))
test('http tunnel', () => collect(pipeline($ => $.connectHTTPTunnel(() => new Message({ method: 'CONNECT', path: '127.0.0.1:7001' })).to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:7013')))
  .replaceData(d => d.size ? [d, new StreamEnd] : null)), [new Data('x')]), ['D:x', 'E:'])

// ---- HTTP around errors
pipy.listen('127.0.0.1:7020', $ => $.demuxHTTP().to($ => $.replaceMessage(m => {
  var path = m.head.path
  if (path === '/throw') throw new Error('in the handler')
  if (path === '/refuse') return refuse(new Error('x'))
  if (path === '/unauthorized') return new StreamEnd('Unauthorized')
  if (path === '/late') return later(new Message({ status: 202 }, 'late'))
  return new Message({ headers: { 'x-path': path, 'set-cookie': ['a=1', 'b=2'] } }, m.body)
})))
var agent = new http.Agent('127.0.0.1:7020')
var brief = r => r.head.status + ' ' + r.head.statusText + ' ' + (r.body || '')
test('agent post', () => agent.request('POST', '/a?b', { 'x-y': 'z' }, 'body').then(r => r.head.headers['x-path'] + r.head.headers['set-cookie'].length + brief(r)), '/a?b2200 OK body')
test('agent message', () => agent.request(new Message({ method: 'PUT', path: '/m' }, new Data('d'))).then(brief), '200 OK d')
test('agent late', () => agent.request('GET', '/late').then(brief), '202 Accepted late')
test('agent refused', () => new http.Agent('127.0.0.1:7009').request('GET', '/').then(() => 'answered', brief), '502 Connection Refused ')
test('agents at once', () => Promise.all([1, 2, 3, 4].map(i => agent.request('GET', '/' + i))).then(a => a.map(r => r.head.headers['x-path']).join()), '/1,/2,/3,/4')
pipy.listen('127.0.0.1:7021', $ => $.demuxHTTP().to($ => $.muxHTTP(() => 'up', () => ({ maxQueue: 2 })).to($ => $.connect(() => '127.0.0.1:7009')).replaceMessage(m => later(m.head.status > 499 ? new Message({ status: 503 }, m.head.statusText) : m))))
test('mux errors are messages', () => new http.Agent('127.0.0.1:7021').request('GET', '/').then(brief), '503 Service Unavailable Connection Refused')
pipy.listen('127.0.0.1:7022', $ => $.demuxHTTP().to($ => $.muxHTTP(() => $ctx, { version: () => later(2) }).to($ => $.connect('127.0.0.1:7020'))))
test('mux version promised', () => new http.Agent('127.0.0.1:7022').request('POST', '/v', {}, 'two').then(brief), '200 OK two')
;['ReadTimeout', 'WriteTimeout', 'IdleTimeout', 'ConnectionTimeout', 'ReadError', 'WriteError', 'CannotResolve', 'Unauthorized', 'ConnectionReset'].forEach(name => {
  var status = { ReadError: '502 Read Error', WriteError: '502 Write Error', CannotResolve: '502 Cannot Resolve', Unauthorized: '401 Unauthorized', ConnectionReset: '502 Bad Gateway' }[name] || '504 Gateway Timeout'
  test('muxHTTP answers ' + name, () => collect(pipeline($ => $.muxHTTP().to($ => $.replaceData(() => new StreamEnd(name)))
    .replaceMessage(m => [new Data(m.head.status + ' ' + m.head.statusText), new StreamEnd])), [new Message({ method: 'GET', path: '/' })]), ['D:' + status, 'E:'])
})

// ---- WebSocket, both sides
pipy.listen('127.0.0.1:7030', $ => $.demuxHTTP().to($ => $.acceptHTTPTunnel(m => m.head.headers.upgrade === 'websocket' ? new Message({ status: 101, headers: { upgrade: 'websocket', connection: 'upgrade' } }) : new Message({ status: 400 })).to($ => $
  .decodeWebSocket().replaceMessage(m => later(new Message({ opcode: m.head.opcode }, m.body + '?'))).encodeWebSocket())))
test('websocket', () => collect(pipeline($ => $.encodeWebSocket()
  .connectHTTPTunnel(new Message({ method: 'GET', path: '/ws', headers: { upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' } }))
    .to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:7030')))
  .decodeWebSocket().replaceMessage(m => [new Data(m.head.opcode + ':' + m.head.masked + ':' + m.body), new StreamEnd])), [new Message({ opcode: 1, masked: true }, 'hi')]), ['D:1:false:hi?', 'E:'])

// ---- codecs
test('MQTT', () => collect(pipeline($ => $.encodeMQTT().decodeMQTT().replaceMessage(m => new Data([m.head.type, m.head.qos, m.head.topicName, m.body].join()))), [new Message({ type: 'PUBLISH', topicName: 't/1', qos: 0 }, 'hot'), new StreamEnd]), ['D:PUBLISH,0,t/1,hot', 'E:'])
test('MQTT broken', () => collect(pipeline($ => $.decodeMQTT()), [new Data([0, 0])]), ['E:ProtocolError'])
test('Dubbo', () => collect(pipeline($ => $.encodeDubbo().decodeDubbo().replaceMessage(m => new Data([m.head.isRequest, m.head.isTwoWay, m.head.serializationType, m.body].join()))), [new Message({ requestID: 7, isRequest: true, isTwoWay: true, serializationType: 2 }, 'pay'), new StreamEnd]), ['D:true,true,2,pay', 'E:'])
test('Dubbo broken', () => collect(pipeline($ => $.decodeDubbo()), [new Data('GET / HTTP/1.1\r\n\r\n')]), ['E:ProtocolError'])
test('Thrift', () => collect(pipeline($ => $.encodeThrift().decodeThrift().replaceMessage(m => new Data([m.payload.type, m.payload.seqID, m.payload.name, m.payload.fields.length].join()))), [new Message(null, null, null, { protocol: 'compact', type: 'call', seqID: 3, name: 'ping', fields: [] }), new StreamEnd]), ['D:call,3,ping,0', 'E:'])
test('RESP error', () => collect(pipeline($ => $.decodeRESP().replaceMessage(m => new Data([m.payload instanceof Error, m.payload.message].join()))), [new Data('-ERR bad\r\n'), new StreamEnd]), ['D:true,ERR bad', 'E:'])
test('gzip broken', () => collect(pipeline($ => $.decompress('gzip')), [new Message('zzzzzzzzzzzzzzzzzzzz')]).then(r => r[r.length - 1].length > 2), true)
test('detectProtocol', () => collect(pipeline($ => $.detectProtocol(p => { $log = p }).replaceData(d => [new Data($log), new StreamEnd])), [new Data('GET /x HTTP/1.1\r\n\r\n')]), ['D:HTTP', 'E:'])

// ---- DNS over UDP
pipy.listen('127.0.0.1:7053', 'udp', $ => $.replaceData(d => { var q = DNS.decode(d); return later(DNS.encode({ ...q, qr: 1, ra: 1, answer: [{ name: q.question[0].name, type: 'A', ttl: 5, rdata: '10.1.2.3' }] })) }))
test('DNS', () => collect(pipeline($ => $.replaceMessage(m => m.body).connect('127.0.0.1:7053', { protocol: 'udp' }).replaceData(d => { var a = DNS.decode(d); return [new Data([a.id, a.qr, a.rcode, a.answer[0].type, a.answer[0].ttl, a.answer[0].rdata].join()), new StreamEnd] })),
  [new Message(DNS.encode({ id: 77, rd: 1, question: [{ name: 'a.test', type: 'A' }] }))]), ['D:77,1,,A,5,10.1.2.3', 'E:'])

function run(i) {
  if (i >= tests.length) return report()
  var t = tests[i]
  var p
  try { p = Promise.resolve(t[1]()) } catch (e) { p = Promise.reject(e) }
  return Promise.race([p, new Timeout(4).wait().then(() => 'TIMEOUT')]).then(
    got => check(t[0], () => got, t[2])
  , err => check(t[0], () => 'REJECTED ' + err, t[2])
  ).then(() => run(i + 1))
}

run(0).then(pipy.exit)
