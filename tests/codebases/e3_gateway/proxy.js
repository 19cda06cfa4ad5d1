import { upstreamErrors } from './metrics.js'

var $ctx
var $resource
var $affinity
var $retries = 0

function affinityOf({ affinity }, { head, inbound }) {
  switch (affinity?.type) {
    case 'Cookie': return (
      [].concat(head.headers.cookie || []).join(';').split(';')
        .map(c => c.trim().split('='))
        .find(([name]) => name === affinity.name)?.[1]
    )
    case 'Header': return head.headers[affinity.name.toLowerCase()]
    case 'SourceIP': return inbound.remoteAddress
  }
}

function allocate() {
  var { backend } = $ctx.backend
  $affinity = affinityOf(backend, $ctx)
  $resource = backend.allocate($affinity)
  $ctx.target = $resource?.target?.address
  return $resource ? 'forward' : 'unavailable'
}

function free() {
  $resource?.free()
  $resource = null
}

var connections = new algo.Cache(
  backend => pipeline($ => {
    $.onStart(target => { $target = target })
    if (backend.tls) {
      $.connectTLS({ ...backend.tls, onState: session => {
        if (session.error) upstreamErrors.withLabels(backend.name, 'tls').increase()
      } }).to(connect)
    } else {
      $.pipe(connect)
    }
    return $
  })
)

var $target

var connect = pipeline($ => $
  .connect(() => $target.address, {
    connectTimeout: 2,
    onState: outbound => {
      if (outbound.state === 'connected') $target.active++
      if (outbound.state === 'closed') $target.active--
    },
  })
)

function muxOptions() {
  var { protocol, maxConcurrency } = $ctx.backend.backend.spec
  return protocol === 'H2' ? { version: 2, maxQueue: maxConcurrency || 100 } : { version: 'http/1.1' }
}

export default pipeline($ => $
  .onStart(ctx => { $ctx = ctx })
  .repeat(evt => {
    free()
    return evt.error === 'Replay'
  })
  .to($ => $
    .pipe(() => allocate(), {
      unavailable: $ => $.replaceMessage(new Message({ status: 503, headers: { 'retry-after': '1' } }, 'no healthy target')),
      forward: $ => $
        .muxHTTP(() => $resource.target, muxOptions)
        .to($ => $.pipe(() => connections.get($ctx.backend.backend), null, () => [$resource.target]))
        .replaceMessageStart(msg => {
          free()
          var { retry, backend } = $ctx
          if (retry?.codes?.includes(msg.head.status) && ++$retries <= retry.attempts) {
            upstreamErrors.withLabels(backend.backend.name, 'retried').increase()
            return new StreamEnd('Replay')
          }
          var sticky = backend.backend.affinity
          if (sticky?.type === 'Cookie' && $affinity !== $ctx.target) {
            msg.head.headers['set-cookie'] = [
              ...[].concat(msg.head.headers['set-cookie'] || []),
              `${sticky.name}=${$ctx.target}; path=/`,
            ]
          }
          return msg
        })
    })
  )
  .onEnd(free)
)
