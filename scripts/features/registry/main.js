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

  // Checks and connections are made at the start, from these. A name or metadata can change in place.
  fixed = ({ pod, cfg, ports }) => JSON.stringify(
    [pod.status.podIP, ports, { ...cfg, service: '', metadata: '' }]
  ),

  // By port: checks last as long as the scripts. By id: instances come and go with the service's name.
  healths = Object.fromEntries(
    first.ports.map(
      port => [port.number, health(first.pod, first.cfg, port, () => follow(port.number))]
    )
  ),
  instances = {},

  // An exec probe can't be run from here: beside the check the kubelet's word counts, where it is known.
  isRefused = number => (
    first.ports.some(port => port.number === number && port.byKubelet) && config.pod().status.ready === false
  ),

  // true, false, or null: not known yet.
  readiness = number => (
    (isUp = healths[number] ? healths[number].isUp() : null) => isUp && isRefused(number) ? false : isUp
  )(),

  status = one => (
    (isUp = readiness(one.port)) => (
      isUp === true ? one.status('UP') :
      isUp === false ? one.status(one.seen() ? 'DOWN' : 'STARTING') :
      undefined
    )
  )(),

  follow = number => Object.values(instances).filter(one => one.port === number).forEach(status),

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

  // → Promise: those that are wanted no more have left.
  update = (now, wanted) => (
    (
      old = Object.keys(instances).filter(id => !wanted[id]).map(id => instances[id].leave(0)),
    ) => (
      Object.keys(instances).filter(id => !wanted[id]).forEach(id => delete instances[id]),
      Object.keys(wanted).forEach(
        id => (
          instances[id] ? instances[id].describe(wanted[id]) : (
            instances[id] = instance(wanted[id], now.cfg, registry)
          ),
          status(instances[id])
        )
      ),
      Promise.all(old)
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
    (problem = complaint(now)) => (
      !now.pod.features.registry ? update(now, {}) :
      problem ? (console.error('[registry]', problem), Promise.resolve()) :
      update(now, Object.fromEntries(now.ports.map(port => describe(now, port)).map(self => [self.id, self])))
    )
  )(),
) => ({
  checks: Object.values(healths).map(({ check }) => check),
  start: () => run(first),
  changed: () => (
    (now = load()) => run(now).then(() => fixed(now) !== fixed(first))
  )(),
  leave: () => Promise.all(
    Object.values(instances).map(one => one.leave(first.cfg.drainSeconds))
  ),
}))()
