// Label infra.flomesh.io/registry: the app's ports as instances in a registry, with a status that follows readiness.
((
  config = pipy.solve('base/config.js'),
  instance = pipy.solve('features/registry/instance.js'),
  health = pipy.solve('features/registry/health.js'),
  ports = pipy.solve('features/registry/ports.js'),

  load = () => (
    (
      pod = config.pod(),
      cfg = config.registry(pod),
    ) => ({ pod, cfg, ports: ports(pod, cfg) })
  )(),

  first = load(),
  registry = pipy.solve(`registry/${first.cfg.type}.js`),

  // By instance id. Health belongs to a port and lasts; instances come and go with names and addresses.
  instances = {},
  healths = Object.fromEntries(
    first.ports.map(
      port => [port.number, health(first.pod, first.cfg, port, ok => ready(port.number, ok))]
    )
  ),

  ready = (number, ok) => Object.values(instances)
    .filter(({ self }) => self.port === number)
    .forEach(one => one.status(ok ? 'UP' : one.seen() ? 'DOWN' : 'STARTING')),

  describe = ({ pod, cfg }, port) => ({
    id: `${pod.status.podIP}:${cfg.service}:${port.number}`,
    service: cfg.service,
    ip: pod.status.podIP,
    port: port.number,
    tls: port.tls,
    healthPath: port.healthPath,
    meta: {
      ...(cfg.metadata || {}),
      'pod.name': pod.metadata.name,
      'pod.namespace': pod.metadata.namespace,
      'pod.uid': pod.metadata.uid || '',
    },
  }),

  update = now => (
    (
      wanted = Object.fromEntries(
        now.ports.map(port => describe(now, port)).map(self => [self.id, self])
      ),
    ) => (
      Object.keys(instances).filter(id => !wanted[id]).forEach(
        id => (instances[id].leave(0), delete instances[id])
      ),
      Object.keys(wanted).filter(id => !instances[id]).forEach(
        id => (
          (one = instance(wanted[id], now.cfg, registry)) => (
            instances[id] = one,
            one.status(healths[one.self.port]?.isUp() ? 'UP' : 'STARTING')
          )
        )()
      )
    )
  )(),

  complaint = ({ pod, cfg, ports }) => (
    !cfg.service ? 'no service name: set the label infra.flomesh.io/service-name or app' :
    !cfg.servers.length ? 'no registry server in the settings' :
    !pod.status.podIP ? 'the Pod has no address yet' :
    !ports.length ? 'no port: set the label infra.flomesh.io/port or a readinessProbe' :
    null
  ),

  run = now => (
    (problem = complaint(now)) => problem ? console.error('[registry]', problem) : update(now)
  )(),
) => ({
  checks: Object.values(healths).map(({ check }) => check),
  start: () => run(first),
  changed: () => run(load()),
  leave: () => Promise.all(
    Object.values(instances).map(one => one.leave(first.cfg.drainSeconds))
  ),
}))()
