((
  config = pipy.solve('config.js'),
  balancers = new algo.Cache(
    cluster => new algo.RoundRobinLoadBalancer(config.Inbound.ClustersConfigs[cluster] || {})
  ),
) => pipy({
  _target: null,
})

.import({
  __port: 'inbound',
})

.pipeline()
.onStart(() => void (_target = balancers.get(Object.keys(__port.TargetClusters)[0])?.next?.()))
.branch(
  () => _target, $=>$.connect(() => _target.id),
  $=>$.replaceStreamStart(() => new StreamEnd('ConnectionReset'))
)

)()
