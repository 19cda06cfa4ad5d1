import { sessions } from './metrics.js'

var $target

export default function (routes, conf) {
  return pipeline($ => $
    .onStart(() => {
      var route = routes[0]
      $target = conf.backends[route.spec.rules[0].backendRefs[0].name].allocate()?.target
      sessions.withLabels(route.metadata.name, 'udp').increase()
    })
    .connect(() => $target.address, { protocol: 'udp', idleTimeout: 5 })
  )
}
