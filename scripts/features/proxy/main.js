// Label infra.flomesh.io/proxy: the Pod's connections of TCP, in and out, that rules of the network lead here (ballast-init,
// ballast-cni; docs in images/). Without rules nothing arrives and the app is on its own.
// With the setting `offset`, also an HTTP proxy in front of each port that the Pod's manifest names (by label or probe): the
// one for 8080 listens on 8080 + offset; settings then: { offset: 10000, target: '127.0.0.1' }.
((
  config = pipy.solve('base/config.js'),
  number = pipy.solve('lib/port.js'),

  options = cfg => ({ transparent: true, idleTimeout: cfg.idleSeconds, maxConnections: cfg.maxConnections }),

  isV6 = pod => (pod.status.podIPs || []).concat([pod.status.podIP]).some(ip => ip.indexOf(':') >= 0),

  // What comes in arrives at the Pod's address, what goes out at loopback. In a host network there are no rules.
  redirected = (pod, cfg) => pod.spec.hostNetwork ? [] : [
    isV6(pod) ? `[::]:${cfg.inboundPort}` : `0.0.0.0:${cfg.inboundPort}`,
    `127.0.0.1:${cfg.outboundPort}`,
    isV6(pod) && `[::1]:${cfg.outboundPort}`,
  ]
    .filter(port => port)
    .map(port => ({ port, options: options(cfg), module: 'features/proxy/connection.js' })),

  fronts = (pod, { ports, offset, target }) => (offset ? ports || [] : [])
    .map(port => number(pod.spec.containers, port))
    .filter(port => port && port + offset < 65536)
    .map(port => ({ port: port + offset, target: `${target || '127.0.0.1'}:${port}` })),

  load = () => (
    (
      pod = config.pod(),
      cfg = config.proxy(pod),
    ) => ({ listeners: pod.features.proxy ? redirected(pod, cfg).concat(fronts(pod, cfg)) : [], cfg })
  )(),

  first = load(),
) => ({
  listeners: first.listeners,
  changed: () => Promise.resolve(JSON.stringify(load()) !== JSON.stringify(first)),
}))()
