// `{ '/path/{x}': { GET: handler } }` to a function of a request; a handler gets the parameters and the request.
import json from './reply.js'

export default function router(routes) {
  var table = Object.entries(routes).map(([pattern, methods]) => ({ match: new http.Match(pattern), methods }))
  return function (req) {
    var params
    var route = table.find(r => (params = r.match(req.head.path)))
    if (!route) return null
    var handler = route.methods[req.head.method]
    if (!handler) return json(405, { error: 'method', allow: Object.keys(route.methods) })
    try {
      var result = handler(params, req)
      return result instanceof Promise ? result.catch(fail) : result
    } catch (e) {
      return fail(e)
    }
  }
}

function fail(e) {
  return json(e?.status || 500, { error: e?.message || e.toString() })
}
