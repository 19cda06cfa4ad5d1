((
  config = JSON.decode(pipy.load('config/balancer.json')),
  services = Object.fromEntries(
    Object.entries(config.services).map(
      ([k, v]) => [k, new algo.RoundRobinLoadBalancer(v)]
    )
  ),
) => pipy({
  _target: undefined,
})

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .handleMessageStart(
    () => (
      _target = services[__serviceID]?.next?.(),
      _target && (__turnDown = true)
    )
  )
  .link(
    'forward', () => Boolean(_target),
    ''
  )

.pipeline('forward')
  .muxHTTP('connection', () => _target)

.pipeline('connection')
  .connect(() => _target.id)

)()
