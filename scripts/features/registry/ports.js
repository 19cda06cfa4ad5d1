// Which ports of the Pod are instances: those that the label names (numbers or names), else those that a readinessProbe
// names, else the only one that a container declares. → [{ number, probe, asks, byKubelet, tls, healthPath }], one a port;
// `asks` is the number of the port that the probe asks, `byKubelet` tells that only the kubelet can run the probe (exec).
((
  number = pipy.solve('lib/port.js'),

  action = probe => probe && (probe.httpGet || probe.tcpSocket || probe.grpc),

  apps = pod => pod.spec.containers.filter(container => container.kind !== 'sidecar'),
  declared = container => (container.ports || [])
    .filter(port => (port.protocol || 'TCP') === 'TCP')
    .map(port => port.containerPort),

  // A port's name in a probe means a port of the probe's own container.
  probes = pod => apps(pod).filter(container => action(container.readinessProbe)).map(
    container => ({
      probe: container.readinessProbe,
      asks: number([container], action(container.readinessProbe).port),
      declares: declared(container),
    })
  ),

  // The probe that asks this port, else that of the container that has the port.
  probeOf = (probes, wanted) => (
    probes.find(({ asks }) => asks === wanted) ||
    probes.find(({ declares }) => declares.indexOf(wanted) >= 0) ||
    { asks: wanted }
  ),

  byKubelet = (pod, wanted) => apps(pod).some(
    container => Boolean(container.readinessProbe?.exec) && declared(container).indexOf(wanted) >= 0
  ),

  unique = list => list.filter((one, index) => one && list.indexOf(one) === index),
) => (pod, cfg) => (
  (
    all = probes(pod),
    given = unique((cfg.ports || []).map(port => number(pod.spec.containers, port))),
    asked = unique(all.map(({ asks }) => asks)),
    only = unique(apps(pod).flatMap(declared)),
    numbers = given.length ? given : asked.length ? asked : only.length === 1 ? only : [],
  ) => numbers.map(
    number => (
      ({ probe, asks } = probeOf(all, number)) => ({
        number,
        probe,
        asks,
        byKubelet: byKubelet(pod, number),
        tls: probe?.httpGet?.scheme === 'HTTPS',
        healthPath: probe?.httpGet?.path,
      })
    )()
  )
)())()
