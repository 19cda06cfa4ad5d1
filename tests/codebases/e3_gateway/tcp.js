import { sessions } from './metrics.js'

var $resource
var $sni
var $route

function pick(routes, conf, select) {
  $route = routes.find(select)
  var refs = $route?.spec?.rules?.[0]?.backendRefs
  if (!refs) return null
  $resource = conf.backends[refs[0].name].allocate()
  sessions.withLabels($route.metadata.name, $resource ? 'ok' : 'failed').increase()
  return $resource
}

function closed() {
  $resource?.free?.()
}

var reset = pipeline($ => $.replaceStreamStart(new StreamEnd('ConnectionReset')))

export function makeTCP(routes, conf) {
  return pipeline($ => $
    .onStart(() => new Data)
    .pipe(() => pick(routes, conf, () => true) ? forward : reset)
    .onEnd(closed)
  )
}

var forward = pipeline($ => $
  .connect(() => $resource.target.address)
)

export function makeTLSPassthrough(routes, conf) {
  var matches = route => !route.spec.hostnames || route.spec.hostnames.some(
    h => h === $sni || (h.startsWith('*.') && $sni?.endsWith(h.substring(1)))
  )

  return pipeline($ => $
    .handleTLSClientHello(hello => { $sni = hello.serverNames?.[0] || '' })
    .pipe(() => {
      if ($sni === undefined) return null
      return pick(routes, conf, matches) ? forward : reset
    })
    .onEnd(closed)
  )
}
