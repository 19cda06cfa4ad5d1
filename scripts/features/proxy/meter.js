// Counts, times and logs connections and requests. Names have no routes in them: service, direction, class of the status. The
// service of a request that comes in is ours; of one that goes out it is the host that it asks for, as long as these are few.
((
  config = pipy.solve('base/config.js'),
  cfg = config.proxy(config.pod()),

  seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Infinity],
  connections = new stats.Counter('proxy_connections', ['direction', 'protocol']),
  connectionTimes = new stats.Histogram('proxy_connection_seconds', seconds, ['direction', 'protocol']),
  requests = new stats.Counter('proxy_requests', ['service', 'direction', 'status']),
  requestTimes = new stats.Histogram('proxy_request_seconds', seconds, ['service', 'direction']),

  logger = new logging.JSONLogger('proxy'),
  log = line => cfg.log && logger.log(line),

  hosts = {},
  known = { count: 0 },

  // Whoever asks can make up names, and each is a series for ever.
  listed = host => (
    hosts[host] || (known.count < cfg.maxServices ? (known.count++, hosts[host] = host) : 'other')
  ),
  host = head => (
    (name = (head.headers?.host || '').toLowerCase().split(':')[0]) => (
      name && name.length <= 100 && name.match(new RegExp('^[a-z0-9.-]*[a-z][a-z0-9.-]*$')) ? listed(name) : 'other'
    )
  )(),

  round = ms => Math.round(ms * 1000) / 1000,
) => ({
  connection: direction => ({ direction, began: pipy.performance.now() }),

  closed: ({ direction, protocol, target, peer, isRefused, began }) => (
    (
      name = isRefused ? 'refused' : protocol || 'none',
      ms = pipy.performance.now() - began,
    ) => (
      connections.withLabels(direction, name).increase(),
      connectionTimes.withLabels(direction, name).observe(ms / 1000),
      log({ time: Date.now(), type: 'connection', direction, protocol: name, peer, target, ms: round(ms) })
    )
  )(),

  request: (connection, head) => ({
    connection,
    service: connection.direction === 'inbound' ? cfg.service : host(head),
    method: head.method,
    path: head.path,
    headers: head.headers,
    status: 0,
    began: pipy.performance.now(),
    isEnded: false,
  }),

  // Once, at the end of the answer; one without is of the class 'none': somebody went away.
  ended: request => request.isEnded || (
    (
      { direction, peer, target } = request.connection,
      { service, method, path, status, headers } = request,
      ms = pipy.performance.now() - request.began,
    ) => (
      request.isEnded = true,
      requests.withLabels(service, direction, status ? `${Math.floor(status / 100)}xx` : 'none').increase(),
      requestTimes.withLabels(service, direction).observe(ms / 1000),
      log({
        time: Date.now(), type: 'request', direction, service, peer, target, method,
        path: path.split('?')[0], status, trace: headers?.traceparent, ms: round(ms),
      })
    )
  )(),
}))()
