((
  requests = new stats.Counter('gateway_requests', ['service', 'status']),
  active = new stats.Gauge('gateway_active', []),
  latency = new stats.Histogram('gateway_latency', [1000, 5000, Infinity], ['service']),
  connections = new stats.Gauge('gateway_connections', ['port'], g => (
    g.zero?.(),
    pipy.inbound.forEach(i => g.withLabels(i.localPort).set(pipy.inbound.count))
  )),
  serviceOf = route => route?.service || 'none',
) => pipy({
  _start: 0,
  _status: 0,
})

.import({
  __route: 'main',
})

.pipeline()
.branch(
  () => __inbound.localPort === 8081, (
    $=>$.replaceMessage(
      msg => (
        msg.head.path === '/stats' ? new Message(
          { headers: { 'content-type': 'application/json' } },
          JSON.encode({ hello: requests.withLabels('hello', '200').value, active: active.value })
        ) : new Message({ status: 404 })
      )
    )
  ), (
    $=>$
    .onStart(() => void active.increase())
    .onEnd(() => active.decrease())
    .handleMessageStart(() => _start = Date.now())
    .chain()
    .handleMessageStart(msg => _status = msg.head?.status || 200)
    .handleMessageEnd(
      () => (
        requests.withLabels(serviceOf(__route), _status).increase(),
        latency.withLabels(serviceOf(__route)).observe(Date.now() - _start)
      )
    )
  )
)

)()
