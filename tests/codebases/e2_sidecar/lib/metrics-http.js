((
  { requests, latency } = pipy.solve('lib/metrics.js'),
) => pipy({
  _time: 0,
})

.import({
  __service: 'service',
  __direction: 'service',
})

.pipeline()
.handleMessageStart(() => _time = Date.now())
.chain()
.handleMessageStart(
  ({ head }) => (
    head.headers || (head.headers = {}),
    head.headers['x-service'] = __service,
    requests.withLabels(__direction, __service, head.status || 200).increase(),
    latency.withLabels(__direction).observe(Date.now() - _time)
  )
)
)()
