((
  quotas = new algo.Cache(
    port => port.RateLimit?.Local?.Requests > 0 && new algo.Quota(
      port.RateLimit.Local.Burst, {
        produce: port.RateLimit.Local.Requests,
        per: port.RateLimit.Local.StatTimeWindow,
      }
    )
  ),
) => pipy({ _quota: null, _overLimit: false })

.import({ __port: 'inbound' })

.pipeline()
.handleMessageStart(
  () => (
    _quota = quotas.get(__port),
    _overLimit = _quota && _quota.consume(1) !== 1
  )
)
.branch(
  () => _overLimit, (
    $=>$.replaceMessage(new Message({ status: 429, headers: { 'retry-after': '1' } }, 'Too Many Requests'))
  ), (
    $=>$.chain()
  )
)
)()
