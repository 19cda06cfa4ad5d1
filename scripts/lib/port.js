// The number of a port that is given by its name in one of the containers, or as a number; undefined when there is none.
// The name comes first, as for the kubelet: '8080-tcp' is a name.
((
  named = (containers, name) => containers
    .flatMap(container => container.ports || [])
    .find(port => port.name === name)?.containerPort,
) => (containers, port) => named(containers, port) || Number.parseInt(port) || undefined
)()
