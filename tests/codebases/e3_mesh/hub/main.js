import { load, trusted } from '../pki.js'
import makeAPI from './api.js'
import * as sessions from './sessions.js'

var $inbound
var $peer
var $request
var $session

export default function (dir, address) {
  var api = makeAPI()

  pipy.listen(address, { idleTimeout: 0 }, $ => $
    .onStart(inbound => void ($inbound = inbound))
    .acceptTLS({
      certificate: load(dir, 'hub'),
      trusted: trusted(dir),
      alpn: ['h2'],
      onState: tls => {
        if (tls.state === 'connected') $peer = tls.peer.subject.commonName || tls.peer.subject.CN
        if (tls.error) println('refused', $inbound.remoteAddress, tls.error)
      },
    })
    .to(requests(api))
  )

  println('hub at', address)
}

var connectRoute = new http.Match('/api/agents/{agent}/{proto}/{host}/{port}')
var joinRoute = new http.Match('/api/agents/{name}')

function requests(api) {
  return pipeline($ => $
    .demuxHTTP().to($ => $
      .pipe(evt => {
        if (!(evt instanceof MessageStart)) return
        $request = evt.head
        if ($request.method !== 'CONNECT') return 'api'
        if (joinRoute($request.path)) return 'join'
        return connectRoute($request.path) ? 'through' : 'unknown'
      }, {
        api: $ => $.pipe(api, null, () => [$peer]),
        join,
        through,
        unknown: $ => $.replaceMessage(new Message({ status: 404 })),
      })
    )
  )
}

//
// An agent's session, turned around: requests to it are sent into the tunnel that it opened
//

var join = pipeline($ => $
  .acceptHTTPTunnel(({ head }) => {
    var { name } = joinRoute(head.path)
    if (name !== $peer) return new Message({ status: 403 }, `you are not ${name}`)
    $session = sessions.join(name, $inbound)
    println('joined', name, `via ${head.headers['x-agent-version'] || '?'}`)
    return new Message({ status: 200 })
  })
  .to($ => $
    .onStart(() => new Data)
    .swap(() => $session.hub)
    .onEnd(() => {
      println('left', $session.name)
      sessions.leave($session)
    })
  )
)

//
// Streams of other agents, passed on
//

var through = pipeline($ => $
  .pipe(
    () => {
      $session = sessions.find(connectRoute($request.path).agent)
      return $session ? 'forward' : 'absent'
    }, {
      absent: $ => $.replaceMessage(new Message({ status: 404 }, 'no such agent')),
      forward: $ => $
        .handleMessageStart(({ head }) => {
          head.headers['x-from'] = $peer
          var { proto, host, port } = connectRoute(head.path)
          head.path = `/${proto}/${host}/${port}`
        })
        .pipe(() => sessions.toAgent, null, () => [$session])
    }
  )
)
