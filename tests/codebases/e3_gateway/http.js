import makeRouter from './router.js'
import proxy from './proxy.js'
import * as filters from './filters/index.js'
import { access } from './log.js'
import { requests, latency, active } from './metrics.js'

var $inbound
var $tls
var $ctx

//
// The pipeline of one port: connections → requests → route → filters → backend
//

export default function (listeners, conf) {
  var router = makeRouter(listeners, rule => makeRule(rule, conf))

  var notFound = pipeline($ => $
    .replaceMessage(new Message({ status: 404, headers: { 'content-type': 'application/json' } }, JSON.encode({ error: 'no route' })))
  )

  return pipeline($ => $
    .onStart((inbound, tls) => {
      $inbound = inbound
      $tls = tls
    })
    .demuxHTTP({ maxHeaderSize: '8k' }).to($ => $
      .handleMessageStart(({ head }) => {
        var host = head.headers.host || head.authority || ''
        $ctx = {
          id: algo.uuid(),
          start: pipy.now(),
          head,
          host: host.split(':')[0].toLowerCase(),
          path: head.path.split('?')[0],
          method: head.method,
          inbound: $inbound,
          tls: $tls,
          route: '-',
        }
        var found = router($ctx)
        if (found) {
          $ctx.params = found.params
          $ctx.route = found.rule.name
          $ctx.pipeline = found.rule.pipeline
        }
        active.increase()
      })
      .pipe(() => $ctx.pipeline || notFound, null, () => [$ctx])
      .handleMessageStart(({ head }) => {
        var status = String(head.status ?? 200)
        requests.withLabels($ctx.route, status).increase()
        $ctx.status = status
        head.headers = { ...head.headers, 'x-request-id': $ctx.id }
      })
      .handleMessageEnd(() => {
        active.decrease()
        latency.withLabels($ctx.route).observe(pipy.now() - $ctx.start)
        access({
          route: $ctx.route,
          host: $ctx.host,
          method: $ctx.method,
          path: $ctx.path,
          status: $ctx.status,
          target: $ctx.target,
          client: $ctx.inbound.remoteAddress,
          peer: $ctx.tls?.peer,
        })
      })
    )
  )
}

function makeRule(rule, conf) {
  var chain = (rule.filters || []).map(f => filters.make(f, conf))
  return [...chain, makeForward(rule, conf)]
}

//
// Picks a backend by weight, a target by its balancer, and sends the request there
//

function makeForward(rule, conf) {
  var refs = (rule.backendRefs || []).map(
    ref => ({
      backend: conf.backends[ref.name],
      weight: ref.weight ?? 1,
      filters: (ref.filters || []).map(f => filters.make(f, conf)),
    })
  )

  if (refs.every(ref => ref.weight === 0)) {
    return pipeline($ => $.replaceMessage(new Message({ status: 500 }, 'no backend')))
  }

  var lb = new algo.LoadBalancer(refs, { weight: ref => ref.weight })
  var chains = new algo.Cache(ref => [...ref.filters, proxy])

  return pipeline($ => $
    .onStart(ctx => {
      ctx.timeouts = rule.timeouts
      ctx.retry = rule.retry
      ctx.backend = lb.allocate().target
    })
    .pipe(() => chains.get($ctx.backend), null, () => [$ctx])
  )
}
