// Counts, times and logs connections and requests. Names have no routes in them: service, direction, class of the status. The
// service of a request that comes in is ours; of one that goes out it is the host that it asks for, as long as these are few.
// A request costs two calls: nothing of its head is read before its end, and no series is looked up twice.
((
  config = pipy.solve('base/config.js'),
  cfg = config.proxy(config.pod()),

  seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Infinity],
  connections = new stats.Counter('proxy_connections', ['direction', 'protocol']),
  connectionTimes = new stats.Histogram('proxy_connection_seconds', seconds, ['direction', 'protocol']),
  requests = new stats.Counter('proxy_requests', ['service', 'direction', 'status']),
  requestTimes = new stats.Histogram('proxy_request_seconds', seconds, ['service', 'direction']),

  // Series by direction and service; their number is bounded by that of services.
  all = { inbound: {}, outbound: {} },
  known = { count: 0 },
  add = (direction, service) => (
    known.count++,
    all[direction][service] = { service, time: requestTimes.withLabels(service, direction), classes: {} }
  ),
  // Whoever asks can make up names, and each is a series for ever.
  find = (direction, service) => (
    all[direction][service] ||
    (known.count < cfg.maxServices ? add(direction, service) : all[direction].other || add(direction, 'other'))
  ),
  count = (series, direction, name) => (
    series.classes[name] || (series.classes[name] = requests.withLabels(series.service, direction, name))
  ).increase(),

  isName = new RegExp('^[a-z0-9.-]*[a-z][a-z0-9.-]*$'),
  host = head => (
    (name = (head.headers?.host || '').toLowerCase().split(':')[0]) => (
      name && name.length <= 100 && isName.exec(name) ? name : 'other'
    )
  )(),

  // A line is JSON; what somebody else has chosen is quoted, the rest is ours.
  logger = new logging.TextLogger('proxy'),
  quoted = text => JSON.stringify(text || ''),
  began = (type, { direction, peer, target }) => (
    `{"time":${Date.now()},"type":"${type}","direction":"${direction}","peer":"${peer}","target":"${target}"`
  ),
) => ({
  connection: direction => ({ direction, began: pipy.performance.now() }),

  closed: connection => (
    (
      { direction } = connection,
      name = connection.isRefused ? 'refused' : connection.protocol || 'none',
      ms = pipy.performance.now() - connection.began,
    ) => (
      connections.withLabels(direction, name).increase(),
      connectionTimes.withLabels(direction, name).observe(ms / 1000),
      cfg.log && logger.log(`${began('connection', connection)},"protocol":"${name}","ms":${ms.toFixed(3)}}`)
    )
  )(),

  request: (connection, head) => ({ connection, head, status: 0, began: pipy.performance.now() }),

  // A request without an answer is of the class 'none': somebody went away.
  ended: ({ connection, head, status, began: start }) => (
    (
      { direction } = connection,
      ms = pipy.performance.now() - start,
      series = find(direction, direction === 'inbound' ? cfg.service : host(head)),
    ) => (
      series.time.observe(ms / 1000),
      count(series, direction, status ? `${Math.floor(status / 100)}xx` : 'none'),
      cfg.log && logger.log(
        `${began('request', connection)},"service":"${series.service}","method":${quoted(head.method)},"path":${quoted(
          head.path.split('?')[0]
        )},"status":${status},"trace":${quoted(head.headers.traceparent)},"ms":${ms.toFixed(3)}}`
      )
    )
  )(),
}))()
