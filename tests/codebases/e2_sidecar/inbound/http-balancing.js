((
  config = pipy.solve('config.js'),
  balancers = new algo.Cache(
    cluster => new algo.RoundRobinLoadBalancer(config.Inbound.ClustersConfigs[cluster] || {})
  ),
) => pipy({
  _target: null,
})

.import({
  __cluster: 'service',
})

.pipeline()
.onStart(() => void (_target = balancers.get(__cluster)?.next?.()))
.branch(
  () => _target, (
    $=>$
    .muxHTTP(() => _target).to(
      $=>$.connect(() => _target.id)
    )
  ), (
    $=>$.chain()
  )
)

)()
