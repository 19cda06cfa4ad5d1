//
// Who is here. The latest session of an agent wins; older ones are used until they end.
//

var agents = {}
var counter = 0

export function join(name, inbound) {
  var session = {
    id: ++counter,
    name,
    hub: new pipeline.Hub,
    since: Date.now(),
    pings: 0,
    address: inbound.remoteAddress,
  }
  agents[name] = [session, ...(agents[name] || [])]
  return session
}

export function leave(session) {
  var rest = agents[session.name].filter(s => s !== session)
  if (rest.length > 0) agents[session.name] = rest
  else delete agents[session.name]
}

export var find = name => agents[name]?.[0]

export var list = () => Object.entries(agents).map(
  ([name, sessions]) => ({ name, sessions: sessions.length, pings: sessions[0].pings, address: sessions[0].address })
)

var $session

export var toAgent = pipeline($ => $
  .onStart(session => { $session = session })
  .muxHTTP(() => $session, {
    version: 2,
    maxQueue: 1000,
    maxIdle: 3600,
    ping: () => new Timeout(0.1).wait().then(() => {
      $session.pings++
      return new Data([0, 0, 0, 0, 0, 0, 0, 1])
    }),
  })
  .to($ => $.swap(() => $session.hub))
)
