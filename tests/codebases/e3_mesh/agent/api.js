//
// The agent's own API, on loopback: ports that lead through the mesh, requests to others
//

import { decoder, frame } from './frames.js'

export default function ({ name, api, hub, state, stop }) {
  var ports = {}

  var $port

  function open({ proto, listen, agent, target, bufferLimit }) {
    var key = `${proto}/${listen}`
    if (ports[key]) throw new Error(`${key} is open already`)
    var [host, port] = target.split(':')
    var request = new Message({ method: 'CONNECT', path: `/api/agents/${agent}/${proto}/${host}/${port}` })

    if (proto === 'tcp') {
      pipy.listen(listen, 'tcp', { idleTimeout: 0 }, $ => $
        .onStart(new Data)
        .connectHTTPTunnel(request).to(hub)
      )
    } else {
      pipy.listen(listen, 'udp', { idleTimeout: 5 }, $ => $
        .replaceData(frame)
        .connectHTTPTunnel(request).to(hub)
        .pipe(decoder)
      )
    }
    ports[key] = { proto, listen, agent, target }
    return ports[key]
  }

  function close(key) {
    if (!ports[key]) return false
    pipy.listen(ports[key].listen, ports[key].proto, null)
    return delete ports[key]
  }

  function askHub(method, path, body) {
    return request.spawn(hub, new Message({ method, path, headers: { host: 'hub' } }, body))
  }

  var routes = [
    ['GET', '/status', () => ({ ...state, ports: Object.keys(ports) })],
    ['POST', '/ports', (_, body) => open(JSON.decode(body))],
    ['DELETE', '/ports/{proto}/{listen}', ({ proto, listen }) => ({ closed: close(`${proto}/${listen}`) })],
    ['GET', '/agents', () => askHub('GET', '/api/agents').then(res => JSON.decode(res.body))],
    ['POST', '/leave', () => { stop(); return { left: name } }],
  ].map(([method, path, handler]) => ({ method, match: new http.Match(path), handler }))

  var hubRoute = new http.Match('/hub/*')

  pipy.listen(api, $ => $
    .serveHTTP(req => {
      var { method, path } = req.head
      var rest = hubRoute(path)
      if (rest) return askHub(method, '/' + rest['*'], req.body)
      for (var i = 0; i < routes.length; i++) {
        var route = routes[i]
        if (route.method !== method) continue
        var params = route.match(path)
        if (!params) continue
        try {
          return Promise.resolve(route.handler(params, req.body)).then(
            result => new Message({ headers: { 'content-type': 'application/json' } }, JSON.encode(result))
          )
        } catch (e) {
          return new Message({ status: 400 }, e.message)
        }
      }
      return new Message({ status: 404 })
    })
  )

  println(name, 'api at', api)
}

var $hub
var $message
var $response

var request = pipeline($ => $
  .onStart((hub, message) => {
    $hub = hub
    $message = message
    return message
  })
  .pipe(() => $hub)
  .handleMessage(res => { $response = res })
  .replaceMessage(() => new StreamEnd)
  .onEnd(() => $response)
)
