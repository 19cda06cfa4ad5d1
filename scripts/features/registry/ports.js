// Which ports of the Pod are instances: those that the label names (numbers or names), else those that a readinessProbe
// names, else the only one that a container declares. → [{ number, probe, tls, healthPath }], one a port.
((
  apps = pod => pod.spec.containers.filter(container => container.kind !== 'sidecar'),
  declared = pod => apps(pod).flatMap(container => container.ports || []),
  number = pipy.solve('lib/port.js'),

  action = probe => probe && (probe.httpGet || probe.tcpSocket || probe.grpc),
  // A port's name means a port of the probe's own container.
  probed = container => (
    (port = action(container.readinessProbe)?.port) => (
      (container.ports || []).find(({ name }) => name === port)?.containerPort || Number.parseInt(port)
    )
  )(),

  probeOf = (pod, wanted) => apps(pod).find(
    container => action(container.readinessProbe) && probed(container) === wanted
  )?.readinessProbe || apps(pod).find(
    // The probe of the container that has the port, even if it asks another port.
    container => action(container.readinessProbe) && (container.ports || []).some(port => port.containerPort === wanted)
  )?.readinessProbe,

  resolve = (probe, pod) => probe && probe.httpGet ? (
    { ...probe, httpGet: { ...probe.httpGet, port: number(pod, probe.httpGet.port) } }
  ) : probe && probe.tcpSocket ? (
    { ...probe, tcpSocket: { ...probe.tcpSocket, port: number(pod, probe.tcpSocket.port) } }
  ) : undefined,

  unique = list => list.filter((one, index) => one && list.indexOf(one) === index),
) => (pod, cfg) => (
  (
    given = unique((cfg.ports || []).map(port => number(pod, port))),
    fromProbes = unique(apps(pod).filter(one => action(one.readinessProbe)).map(probed)),
    only = unique(declared(pod).map(port => port.containerPort)),
    numbers = given.length ? given : fromProbes.length ? fromProbes : only.length === 1 ? only : [],
  ) => numbers.map(
    wanted => (
      (probe = resolve(probeOf(pod, wanted), pod)) => ({
        number: wanted,
        probe,
        tls: probe?.httpGet?.scheme === 'HTTPS',
        healthPath: probe?.httpGet?.path,
      })
    )()
  )
)())()
