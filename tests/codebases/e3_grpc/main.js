#!/usr/bin/env -S ballast run

// A gateway for gRPC: calls go by their service to one of several servers, or to a service of this codebase. It checks a
// token, keeps deadlines, counts calls by their status, and makes gRPC's errors of those of HTTP.

import * as grpc from './lib/grpc.js'
import { methods } from './lib/notes.js'

var config = JSON.decode(pipy.load('config.json'))
var calls = new stats.Counter('grpc_calls', ['method', 'status'])
var secret = name => pipy.load('secrets/' + name)

var pools = Object.fromEntries(Object.entries(config.services).map(
  ([service, { targets, tls }]) => [service, { tls, balancer: new algo.LoadBalancer(targets, { algorithm: 'least-load' }) }]
))

var $call
var $target
var $failed
var $racer
var $status

var connectPlain = pipeline($ => $.connect(() => $target.target))

var connectSecure = pipeline($ => $
  .connectTLS({ alpn: 'h2', sni: 'localhost', trusted: [new crypto.Certificate(secret('ca.crt'))] })
  .to(connectPlain))

// Errors of the connection are messages of HTTP with a status of 502 or 504.
var proxy = tls => pipeline($ => $
  .onEnd(() => $target.free())
  .muxHTTP(() => $target.target, { version: 2, maxQueue: 100 }).to(tls ? connectSecure : connectPlain)
  .handleMessageStart(ms => { $failed = ms.head.status > 499 })
  .replaceData(data => $failed ? null : data)
  .replaceMessageEnd(me => $failed ? null : me)
  .replaceMessageStart(ms => $failed ? failed(grpc.UNAVAILABLE, $target.target + ': ' + ms.head.statusText) : ms))

var failed = (code, text) => grpc.failure(code, text)

var refuse = (code, text) => pipeline($ => $.replaceData().replaceMessageEnd().replaceMessageStart(() => failed(code, text)))

var routes = {
  unknown: refuse(grpc.UNIMPLEMENTED, 'no such service or method'),
  anonymous: refuse(grpc.UNAUTHENTICATED, 'who are you?'),
  plain: proxy(false),
  secure: proxy(true),
  ...Object.fromEntries(Object.entries(methods).map(([name, build]) => ['notes/' + name, build])),
}

function route(ms) {
  if (!(ms instanceof MessageStart)) return null
  var pool = pools[ms.head.headers.host + '/' + $call.service] || pools[$call.service]
  if (pool) {
    $target = pool.balancer.allocate()
    return pool.tls ? 'secure' : 'plain'
  }
  if ($call.service !== 'demo.Notes') return 'unknown'
  if (ms.head.headers['x-token'] !== config.token) return 'anonymous'
  return $call.method in methods ? 'notes/' + $call.method : 'unknown'
}

// Calls of our own service are late after their deadline; other servers see it for themselves.
function racers() {
  return $call.deadline && $call.service === 'demo.Notes' ? ['answer', 'deadline'] : ['answer']
}

var serve = pipeline($ => $
  .demuxHTTP().to($ => $
    .handleMessageStart(ms => { $call = grpc.call(ms.head) })
    .forkRace(racers).to($ => $
      .onStart(name => {
        $racer = name
        if (name === 'deadline') {
          return new Timeout($call.deadline).wait().then(() => [failed(grpc.DEADLINE_EXCEEDED, 'too late'), new StreamEnd])
        }
      })
      .pipe(() => $racer, { answer: $ => $.pipe(route, routes), deadline: $ => $ })
    )
    .handleMessageStart(ms => { $status = ms.head.headers['grpc-status'] })
    .handleMessageEnd(me => {
      var status = $status || me.tail?.headers?.['grpc-status'] || 'none'
      calls.withLabels($call.service + '/' + $call.method, status).increase()
    })
  ))

pipy.listen(config.port, serve)

pipy.listen(config.tlsPort, $ => $
  .acceptTLS({
    certificate: {
      cert: new crypto.Certificate(secret('server.crt')),
      key: new crypto.PrivateKey(secret('server.key')),
    },
    alpn: ['h2'],
  }).to(serve))
