// Label infra.flomesh.io/proxy: an HTTP proxy in front of the app. Settings: { listen: 15080, target: 8080 } or a list
// of such in `ports`; `target` is a port of the Pod, or an address.
((
  { proxy } = pipy.solve('base/config.js').pod().features,

  address = target => String(target).indexOf(':') < 0 ? `127.0.0.1:${target}` : target,
) => ({
  listeners: (proxy.ports || [proxy])
    .filter(({ listen, target }) => listen && target)
    .map(({ listen, target }) => ({ port: listen, target: address(target) })),
}))()
