var $ctx

export default function ({ requests, per, key, mode, response }) {
  var quotas = new algo.Cache(
    k => new algo.Quota(requests, { per, produce: requests, key: key ? undefined : `limit-${k}` }),
    null, { size: 10000, ttl: 600 }
  )

  var keyOf = () => key ? ($ctx.head.headers[key.toLowerCase()] || '') : 'all'

  if (mode === 'Delay') return pipeline($ => $
    .onStart(ctx => { $ctx = ctx })
    .throttleMessageRate(() => quotas.get(keyOf()), { blockInput: false })
    .pipeNext()
  )

  var reject = new Message({ status: 429, headers: { 'retry-after': String(per) } }, response || 'too many requests')

  return pipeline($ => $
    .onStart(ctx => { $ctx = ctx })
    .pipe(() => quotas.get(keyOf()).consume(1) === 1 ? 'pass' : 'reject', {
      pass: $ => $.pipeNext(),
      reject: $ => $.replaceMessage(reject),
    })
  )
}
