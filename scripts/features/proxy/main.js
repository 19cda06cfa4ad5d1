// Label infra.flomesh.io/proxy: an HTTP proxy in front of each port that the Pod's manifest names (by label or probe).
// The one for port 8080 listens on 18080; settings: { offset: 10000, target: '127.0.0.1' }.
((
  config = pipy.solve('base/config.js'),
  number = pipy.solve('lib/port.js'),

  pod = config.pod(),
  { ports, offset, target } = pod.features.proxy,
  to = offset || 10000,
) => ({
  listeners: (ports || [])
    .map(port => number(pod, port))
    .filter(port => port && port + to < 65536)
    .map(port => ({ port: port + to, target: `${target || '127.0.0.1'}:${port}` })),
}))()
