((
  breakers = new algo.Cache(
    cluster => (
      (
        conf = pipy.solve('config.js').Outbound.ClustersConfigs[cluster]?.ConnectionSettings?.http?.CircuitBreaking,
        state = new algo.SharedMap(`breaker:${cluster}`),
        until = 0,
        tick = 0,
      ) => conf && {
        conf,
        isOpen: () => Date.now() < until,
        observe: status => (
          status > 499 ? (
            state.add('errors', 1) >= conf.ErrorAmountThreshold && (
              until = Date.now() + conf.DegradedTimeWindow * 1000,
              console.log(`circuit of ${cluster} opens after ${state.get('errors')} errors`),
              state.set('errors', 0)
            )
          ) : (
            state.set('errors', 0)
          )
        ),
        response: () => new Message(
          { status: conf.DegradedStatusCode, statusText: 'Degraded', headers: { 'content-type': 'text/plain' } },
          conf.DegradedResponseContent
        ),
      }
    )()
  ),
) => pipy({
  _breaker: null,
})

.import({
  __cluster: 'service',
})

.pipeline()
.onStart(() => void (_breaker = breakers.get(__cluster)))
.branch(
  () => !_breaker, $=>$.chain(),
  () => _breaker.isOpen(), (
    $=>$.replaceMessage(() => _breaker.response())
  ), (
    $=>$
    .chain()
    .handleMessageStart(msg => _breaker.observe(msg.head.status))
  )
)

)()
