import { list, find, toAgent } from './sessions.js'

var $peer
var $params
var $session

export default function () {
  var routes = Object.entries({
    '/api/agents': {
      GET: () => reply(list()),
    },
    '/api/whoami': {
      GET: () => reply({ name: $peer }),
    },
    '/api/sign': {
      POST: (_, req) => {
        var hash = new crypto.Hash('sha256')
        hash.update(req.body)
        return reply({ sha256: hash.digest('hex'), size: req.body.size })
      },
    },
  }).map(([path, methods]) => ({ match: new http.Match(path), methods }))

  var agentRoute = new http.Match('/api/agents/{agent}/*')

  return pipeline($ => $
    .onStart(peer => { $peer = peer })
    .pipe(
      evt => {
        $params = agentRoute(evt.head.path)
        if (!$params) return 'local'
        $session = find($params.agent)
        return $session ? 'agent' : 'absent'
      }, {
        local: $ => $.replaceMessage(req => {
          var params = null
          var route = routes.find(r => params = r.match(req.head.path))
          if (!route) return reply({ error: 'not found' }, 404)
          var handler = route.methods[req.head.method]
          if (!handler) return reply({ error: 'method' }, 405)
          return handler(params, req)
        }),
        absent: $ => $.replaceMessage(() => reply({ error: `${$params.agent} is not here` }, 404)),
        agent: $ => $
          .handleMessageStart(({ head }) => { head.path = '/' + $params['*'] })
          .pipe(toAgent, null, () => [$session]),
      }
    )
  )
}

function reply(body, status = 200) {
  return new Message({ status, headers: { 'content-type': 'application/json' } }, JSON.encode(body))
}
