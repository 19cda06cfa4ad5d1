//
// Backends with load balancing; they survive reloads as long as their endpoints stay the same
//

var cache = {}

function algorithm(name) {
  switch (name) {
    case 'LeastConnection': return 'least-load'
    case 'RoundRobin':
    case undefined: return 'round-robin'
    default: throw new Error(`unknown algorithm ${name}`)
  }
}

function create(name, spec, secret) {
  var targets = spec.endpoints.map(
    ep => ({
      address: `${ep.host || '127.0.0.1'}:${ep.port}`,
      weight: ep.weight ?? 1,
      healthy: true,
      active: 0,
    })
  )

  var lb = new algo.LoadBalancer(targets, {
    algorithm: algorithm(spec.algorithm),
    key: target => target.address,
    weight: target => target.weight,
  })

  var tls = spec.tls && {
    sni: spec.tls.sni,
    trusted: spec.tls.ca ? [new crypto.Certificate(os.read(`secrets/${spec.tls.ca}.crt`))] : undefined,
    certificate: spec.tls.client ? secret(spec.tls.client) : undefined,
    alpn: spec.protocol === 'H2' ? ['h2'] : undefined,
  }

  return {
    name,
    spec,
    targets,
    tls,
    affinity: spec.affinity,
    allocate: key => lb.allocate(key, target => target.healthy),
  }
}

export default function (name, spec, secret) {
  var hash = JSON.stringify(spec)
  var old = cache[name]
  if (old?.hash === hash) return old.backend
  var backend = create(name, spec, secret)
  cache[name] = { hash, backend }
  return backend
}

export function release(names) {
  Object.keys(cache).forEach(name => { if (!names.has(name)) delete cache[name] })
}
