// Label infra.flomesh.io/proxy: an HTTP proxy in front of each port that the Pod's manifest names (by label or probe).
// The one for port 8080 listens on 18080; settings: { offset: 10000, target: '127.0.0.1' }.
((
  config = pipy.solve('base/config.js'),
  number = pipy.solve('lib/port.js'),

  listeners = pod => (
    ({ ports, offset, target } = pod.features.proxy || {}) => (ports || [])
      .map(port => number(pod.spec.containers, port))
      .filter(port => port && port + (offset || 10000) < 65536)
      .map(port => ({ port: port + (offset || 10000), target: `${target || '127.0.0.1'}:${port}` }))
  )(),

  first = listeners(config.pod()),
) => ({
  listeners: first,
  changed: () => Promise.resolve(JSON.stringify(listeners(config.pod())) !== JSON.stringify(first)),
}))()
