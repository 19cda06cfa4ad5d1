import makeHTTP from './http.js'
import { makeTCP, makeTLSPassthrough } from './tcp.js'
import makeUDP from './udp.js'

var hostMatches = (pattern, host) => (
  !pattern || pattern === host || (pattern.startsWith('*.') && host?.endsWith(pattern.substring(1)))
)

//
// Listeners that share a port are one plan
//

export function plan(conf) {
  var plans = {}
  conf.gateways.forEach(gw => gw.listeners.forEach(l => {
    var protocol = l.protocol === 'UDP' ? 'udp' : 'tcp'
    var p = plans[`${l.port}/${protocol}`] ??= {
      port: l.port,
      protocol,
      options: { idleTimeout: 30, ...l.options },
      listeners: [],
    }
    p.listeners.push({ ...l, gateway: gw.name })
  }))
  return plans
}

function attached(listener, conf, kinds) {
  return conf.routes.filter(
    r => kinds.includes(r.kind) && r.spec.parentRefs.some(
      ref => ref.name === listener.gateway && (!ref.sectionName || ref.sectionName === listener.name)
    )
  )
}

export function build(plan, conf) {
  var first = plan.listeners[0]
  switch (first.protocol) {
    case 'HTTP':
      return makeHTTP(
        plan.listeners.map(l => ({ ...l, routes: attached(l, conf, ['HTTPRoute']) })), conf
      )
    case 'HTTPS':
      return terminate(
        plan.listeners,
        makeHTTP(plan.listeners.map(l => ({ ...l, routes: attached(l, conf, ['HTTPRoute']) })), conf)
      )
    case 'TLS':
      return first.tls?.mode === 'Passthrough'
        ? makeTLSPassthrough(plan.listeners.flatMap(l => attached(l, conf, ['TLSRoute'])), conf)
        : terminate(plan.listeners, makeTCP(plan.listeners.flatMap(l => attached(l, conf, ['TCPRoute'])), conf))
    case 'TCP': return makeTCP(plan.listeners.flatMap(l => attached(l, conf, ['TCPRoute'])), conf)
    case 'UDP': return makeUDP(plan.listeners.flatMap(l => attached(l, conf, ['UDPRoute'])), conf)
    default: throw new Error(`listener ${first.name}: unknown protocol ${first.protocol}`)
  }
}

function terminate(listeners, next) {
  var certificates = listeners.flatMap(l => l.certificates || [])
  var trusted = listeners.flatMap(l => l.tls?.frontendValidation || []).map(
    name => new crypto.Certificate(os.read(`secrets/${name}.crt`))
  )
  var find = sni => (
    certificates.find(c => c.host === sni) ||
    certificates.find(c => c.host !== '*' && hostMatches(c.host, sni)) ||
    certificates.find(c => c.host === '*')
  )

  return pipeline($ => $
    .onStart(inbound => { $inbound = inbound })
    .acceptTLS({
      certificate: sni => find(sni),
      trusted,
      alpn: ['h2', 'http/1.1'],
      handshake: info => { $alpn = info.alpn },
      onState: session => {
        if (session.state === 'connected') $peer = session.peer?.subject?.commonName || session.peer?.subject?.CN
      },
    })
    .to($ => $
      .pipe(() => next, null, () => [$inbound, { alpn: $alpn, peer: $peer, scheme: 'https' }])
    )
  )
}

var $inbound
var $alpn = ''
var $peer
