// The number of a port that is given as a number or by its name in a container of the Pod; undefined when there is none.
((
  named = (pod, name) => pod.spec.containers
    .flatMap(container => container.ports || [])
    .find(port => port.name === String(name))?.containerPort,
) => (pod, port) => Number.isNaN(Number.parseInt(port)) ? named(pod, port) : Number.parseInt(port)
)()
