((
  balancers = new algo.Cache(
    config => config?.Endpoints && new algo.RoundRobinLoadBalancer(
      Object.fromEntries(Object.entries(config.Endpoints).map(([k, v]) => [k, v.Weight]))
    )
  ),
) => pipy({
  _target: null,
})

.import({
  __clusterConfig: 'route',
})

.pipeline()
.onStart(() => void (_target = __clusterConfig && balancers.get(__clusterConfig)?.next?.({})))
.branch(
  () => _target, (
    $=>$
    .muxHTTP(() => _target, () => ({ maxQueue: 1, maxMessages: 10 })).to(
      $=>$.connect(() => _target.id, { readTimeout: 5 })
    )
  ), (
    $=>$.chain()
  )
)

)()
