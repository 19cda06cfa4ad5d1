//
// Active health checks: one loop per backend, stopped when the configuration no longer has it
//

import { info } from './log.js'

var current = {}

function viaHTTP(target, { path, timeout }) {
  return new http.Agent(target.address, { connectTimeout: timeout, readTimeout: timeout })
    .request('GET', path, { 'user-agent': 'gateway-probe' })
    .then(res => res.head.status < 400)
    .catch(() => false)
}

var $ok
var $target

var viaTCP = pipeline($ => $
  .onStart(target => {
    $ok = false
    $target = target
    return new Data
  })
  .connect(() => $target.address, {
    connectTimeout: 1,
    onState: outbound => { if (outbound.state === 'connected') { $ok = true; outbound.close() } },
  })
  .replaceStreamEnd(() => new StreamEnd)
  .onEnd(() => $ok)
)

function probe(target, spec) {
  return spec.path ? viaHTTP(target, spec) : viaTCP.spawn(target)
}

function check(backend) {
  var spec = backend.spec.healthCheck
  return Promise.all(
    backend.targets.map(
      target => probe(target, spec).then(ok => {
        if (ok !== target.healthy) info(ok ? 'healthy' : 'unhealthy', { target: target.address })
        target.healthy = ok
      })
    )
  ).then(
    () => new Timeout(spec.interval).wait()
  ).then(
    () => { if (current[backend.name] === backend) return check(backend) }
  )
}

export default function (backends) {
  var old = current
  current = { ...backends }
  Object.values(backends).forEach(backend => {
    if (backend.spec.healthCheck && old[backend.name] !== backend) check(backend)
  })
}
