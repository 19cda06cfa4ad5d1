((
  config = pipy.solve('config.js'),
  unhealthy = new algo.Cache(null, null, {}),
  checks = [],
  balancers = Object.fromEntries(
    Object.entries(config.services).map(
      ([name, service]) => (
        service.health && Object.keys(service.targets).forEach(target => checks.push(
          { target, ...service.health, agent: new http.Agent(target, { connectTimeout: 1, maxIdle: 5 }) }
        )),
        [name, new algo[service.algorithm || 'RoundRobinLoadBalancer'](service.targets)]
      )
    )
  ),
  up = new stats.Gauge('gateway_target_up', ['target']),

  report = (target, head) => (
    (ok => (
      up.withLabels(target).set(ok ? 1 : 0),
      ok && unhealthy.has(target) ? (
        unhealthy.remove(target),
        console.log(`target ${target} is back`)
      ) : !ok && !unhealthy.has(target) && (
        unhealthy.set(target, true),
        console.warn(`target ${target} is down: ${head.status} ${head.statusText}`)
      )
    ))(head.status >= 200 && head.status < 400)
  ),
) => pipy()

.import({
  __route: 'main',
  __target: 'main',
})

.pipeline()
.onStart(
  () => void (
    __target = balancers[__route.service]?.next?.({}, undefined, unhealthy)
  )
)
.branch(
  () => __target, (
    $=>$
    .muxHTTP(() => __target, { maxIdle: 10 }).to(
      $=>$.connect(() => __target.id, { connectTimeout: 2 })
    )
    .handleMessageStart(
      msg => msg.head.headers['x-target'] = __target.id
    )
  ),
  () => __route.service in balancers, (
    $=>$.replaceMessage(new Message({ status: 503 }, 'No healthy target'))
  ), (
    $=>$.chain()
  )
)

.task('1s')
.onStart(() => new Message)
.replaceMessage(
  () => Promise.all(
    checks.map(
      ({ target, path, agent }) => (
        agent.request('GET', path).catch(answer => answer).then(
          ({ head }) => report(target, head)
        )
      )
    )
  ).then(() => new StreamEnd)
)

)()
