// A name server with a cache in front of another, a store that speaks RESP, a small MQTT broker and a SOCKS proxy.
var cache = new algo.Cache({ ttl: 60, size: 10 })
var asked = 0
var $q
var $key
var local = { 'a.test': ['10.0.0.1', '10.0.0.2'] }
var answer = (q, list) => DNS.encode({ id: q.id, qr: 1, rd: q.rd, ra: 1, question: q.question, answer: list })
pipy.listen(5300, 'udp', $ => $.pipe(e => {
    $q = DNS.decode(e); $key = $q.question[0].name + '/' + $q.question[0].type
    return local[$q.question[0].name] ? 'local' : cache.get($key) ? 'cached' : 'upstream' }, {
  local: $ => $.replaceData(() => answer($q, $q.question[0].type === 'A' ? local[$q.question[0].name].map(rdata => ({ name: $q.question[0].name, type: 'A', ttl: 60, rdata })) : [])),
  cached: $ => $.replaceData(() => answer($q, cache.get($key))),
  upstream: $ => $.connect('127.0.0.1:5301', { protocol: 'udp', idleTimeout: 2 }).handleData(d => { var r = DNS.decode(d); r.answer?.length && cache.set($key, r.answer) }),
}).replaceData(d => [d, new StreamEnd]))
pipy.listen(5301, 'udp', $ => $.replaceData(d => { asked++; var q = DNS.decode(d); var n = q.question[0].name; var t = q.question[0].type
  if (n === 'none.test') return DNS.encode({ id: q.id, qr: 1, rcode: 3, question: q.question })
  return answer(q, t === 'MX' ? [{ name: n, type: 'MX', ttl: asked, rdata: { preference: 5, exchange: 'mail.' + n } }]
   : t === 'TXT' ? [{ name: n, type: 'TXT', ttl: asked, rdata: 'some text' }]
   : t === 'SRV' ? [{ name: n, type: 'SRV', ttl: asked, rdata: { priority: 1, weight: 2, port: 3, target: 't.' + n } }]
   : t === 'AAAA' ? [{ name: n, type: 'AAAA', ttl: asked, rdata: '::1' }]
   : [{ name: n, type: 'CNAME', ttl: asked, rdata: 'c.' + n }, { name: 'c.' + n, type: 'A', ttl: asked, rdata: '9.9.9.9' }]) }))
var kv = {}
pipy.listen(6300, $ => $.decodeRESP().replaceMessage(m => { var [c, k, v] = m.payload.map(x => x.toString())
  switch (c.toUpperCase()) {
    case 'PING': return new Message(null, null, null, 'PONG')
    case 'SET': kv[k] = v; return new Message(null, null, null, 'OK')
    case 'GET': return new Message(null, null, null, k in kv ? new Data(kv[k]) : null)
    case 'KEYS': return new Message(null, null, null, Object.keys(kv).map(x => new Data(x)))
    case 'INCR': return new Message(null, null, null, (kv[k] = (kv[k] | 0) + 1))
    default: return new Message(null, null, null, new Error('ERR unknown ' + c)) } }).encodeRESP())
var $c
var $t
var retained = {}
pipy.listen(1883, $ => $.decodeMQTT().replaceMessage(m => {
  switch (m.head.type) {
    case 'CONNECT': $c = m.payload.clientID; return new Message({ type: 'CONNACK', reasonCode: m.payload.username === 'u' ? 0 : 5, sessionPresent: false })
    case 'PUBLISH': retained[m.head.topicName] = m.body.toString(); return m.head.qos ? new Message({ type: 'PUBACK', packetIdentifier: m.head.packetIdentifier }) : null
    case 'SUBSCRIBE': return [new Message({ type: 'SUBACK', packetIdentifier: m.head.packetIdentifier }, null, null, m.payload.topicFilters.map(f => f.qos)),
      ...m.payload.topicFilters.filter(f => f.filter in retained).map(f => new Message({ type: 'PUBLISH', topicName: f.filter, qos: 0, retain: true }, retained[f.filter]))]
    case 'PINGREQ': return new Message({ type: 'PINGRESP' })
    case 'DISCONNECT': return new StreamEnd
  } }).encodeMQTT())
pipy.listen(1080, $ => $.acceptSOCKS(r => { $t = (r.domain || r.ip) + ':' + r.port; return r.port !== 81 }).to($ => $.connect(() => $t)))
pipy.listen(8080, $ => $.serveHTTP(r => new Message(r.head.path)))
