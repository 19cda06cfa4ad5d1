((
  rulesOf = new algo.Cache(
    routes => Object.entries(routes?.RouteRules || {}).map(
      ([path, rule]) => ({
        ...rule,
        regex: new RegExp(path),
        headers: rule.Headers && Object.entries(rule.Headers).map(([k, v]) => [k, new RegExp(v)]),
        methods: rule.Methods && rule.Methods[0] !== '*' ? Object.fromEntries(rule.Methods.map(m => [m, true])) : null,
        balancer: new algo.RoundRobinLoadBalancer(rule.TargetClusters),
      })
    )
  ),

  select = (rules, { method, path, headers }) => rules.find(
    r => (
      r.regex.test(path) &&
      (!r.methods || r.methods[method]) &&
      (!r.headers || r.headers.every(([k, v]) => v.test(headers[k] || '')))
    )
  ),
) => pipy()

.export('route', {
  __rule: undefined,
  __clusterConfig: null,
})

.import({
  __match: 'outbound',
  __service: 'service',
  __cluster: 'service',
})

.pipeline()
.handleMessageStart(
  msg => (
    __service = __match.HttpHostPort2Service[msg.head.headers.host],
    __rule = select(rulesOf.get(__match.HttpServiceRouteRules[__service]), msg.head),
    __rule && (
      __cluster = __rule.balancer.next({})?.id,
      __clusterConfig = pipy.solve('config.js').Outbound.ClustersConfigs[__cluster],
      msg.head.headers['serviceidentity'] = 'productpage.default'
    )
  )
)
.chain()

)()
