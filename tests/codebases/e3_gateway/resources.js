//
// Reads resources, checks references between them, and indexes them by kind and name
//

import backendOf, { release } from './backends.js'

function required(object, field, where) {
  var value = object?.[field]
  if (value === undefined) throw new Error(`${where}: ${field} is missing`)
  return value
}

function all(dir) {
  return pipy.list(dir)
    .filter(name => name.endsWith('.json') || name.endsWith('.yaml'))
    .sort()
    .flatMap(name => {
      var text = pipy.load(`${dir}/${name}`)
      var doc = name.endsWith('.json') ? JSON.decode(text) : YAML.decode(text)
      return doc.resources || [doc]
    })
}

var secrets = {}

function secret(name) {
  return secrets[name] ??= {
    cert: new crypto.CertificateChain(os.read(`secrets/${name}.crt`)),
    key: new crypto.PrivateKey(os.read(`secrets/${name}.key`)),
  }
}

export function load() {
  var resources = all('config')
  var byKind = kind => resources.filter(r => r.kind === kind)

  var gateways = byKind('Gateway').map(
    gw => ({
      name: required(gw.metadata, 'name', 'Gateway'),
      listeners: required(gw.spec, 'listeners', gw.metadata.name).map(
        l => ({
          ...l,
          port: Number.parseInt(required(l, 'port', l.name)),
          certificates: l.tls?.certificateRefs?.map?.(ref => ({ host: ref.host || l.hostname || '*', ...secret(ref.name) })),
        })
      ),
    })
  )

  var names = new Set
  var backends = {}
  byKind('Backend').forEach(b => {
    names.add(b.metadata.name)
    backends[b.metadata.name] = backendOf(b.metadata.name, b.spec, secret)
  })
  release(names)

  var routes = ['HTTPRoute', 'TCPRoute', 'TLSRoute', 'UDPRoute'].flatMap(byKind)
  routes.forEach(
    route => (route.spec.rules || []).forEach(
      rule => (rule.backendRefs || []).forEach(
        ref => { if (!(ref.name in backends)) throw new Error(`route ${route.metadata.name}: no backend ${ref.name}`) }
      )
    )
  )

  return { gateways, routes, backends }
}
