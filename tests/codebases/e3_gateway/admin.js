export default function (status) {
  var routes = [
    ['GET', '/status', () => json(status())],
    ['GET', '/metrics/{name}', ({ name }) => stats.sum([name]).then(metrics => json(describe(metrics[name])))],
    ['GET', '/connections', () => {
      var list = []
      pipy.inbound.forEach(i => list.push(`${i.remoteAddress} -> ${i.localPort}`))
      return json({ count: pipy.inbound.count, list })
    }],
    ['POST', '/exit', () => { new Timeout(0.05).wait().then(() => pipy.exit(0)); return new Message({ status: 202 }) }],
  ].map(([method, path, handler]) => ({ method, match: new http.Match(path), handler }))

  return pipeline($ => $
    .serveHTTP(req => {
      var { method, path } = req.head
      for (var i = 0; i < routes.length; i++) {
        var r = routes[i]
        if (r.method !== method) continue
        var params = r.match(path)
        if (params) return r.handler(params, req)
      }
      return new Message({ status: 404 })
    })
  )
}

function json(value) {
  return new Message({ headers: { 'content-type': 'application/json' } }, JSON.encode(value))
}

function describe(metric) {
  if (!metric) return null
  var children = metric.submetrics()
  return {
    name: metric.name,
    value: metric.value,
    ...(children?.length > 0 ? { labels: Object.fromEntries(children.map(m => [m.label, describe(m)])) } : {}),
  }
}
