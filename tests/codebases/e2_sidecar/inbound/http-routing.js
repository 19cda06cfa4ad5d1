((
  allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'],

  compile = new algo.Cache(
    ({ RouteRules }) => (
      Object.entries(RouteRules).map(
        ([path, rule]) => ({
          path: new RegExp(`^${path}$`),
          methods: new Set(!rule.Methods || rule.Methods[0] === '*' ? allMethods : rule.Methods),
          allowed: rule.AllowedServices && new Set(rule.AllowedServices),
          rule,
        })
      )
    )
  ),

  find = (port, { method, path, headers }) => (
    ((
      service = port.HttpHostPort2Service[headers.host],
      rules = service && compile.get(port.HttpServiceRouteRules[service]),
      hit = rules && rules.find(
        r => r.path.test(path) && r.methods.has(method) && (!r.allowed || r.allowed.has(headers['serviceidentity']))
      ),
    ) => [service, hit?.rule])()
  ),
) => pipy({
  _rule: null,
})

.import({
  __port: 'inbound',
  __service: 'service',
  __cluster: 'service',
})

.pipeline()
.handleMessageStart(
  msg => (
    [__service, _rule] = find(__port, msg.head),
    delete msg.head.headers['serviceidentity'],
    _rule && (__cluster = Object.keys(_rule.TargetClusters || __port.TargetClusters)[0])
  )
)
.branch(
  () => _rule, $=>$.chain(),
  () => _rule === undefined, (
    $=>$.replaceMessage(new Message({ status: 403 }, 'Forbidden'))
  )
)

)()
