// Starts what the Pod's labels ask for. A feature is a file features/<label>/main.js that evaluates to an object:
//   checks     health checks to run: { seconds, timeout, target, http?, tls?, begin(), opened(socket), end(ok) }
//   listeners  ports to open: { port, options?, target } for an HTTP proxy, { port, options?, module } for pipelines of its own
//   start()    called once
//   changed()  pod.json has changed in place → Promise: true when only a restart can follow the change
//   leave()    → Promise: the Pod is going away
((
  config = pipy.solve('base/config.js'),
  pod = config.pod(),

  names = pod => Object.keys(pod.features).filter(name => pipy.load(`features/${name}/main.js`)),
  features = names(pod).map(name => pipy.solve(`features/${name}/main.js`)),

  all = name => features.flatMap(feature => feature[name] || []),
  call = name => features.map(feature => feature[name] && feature[name]()),

  leaving = { promise: null },
  leave = () => leaving.promise || (leaving.promise = Promise.all(call('leave'))),

  isDeleted = () => Boolean(config.pod().metadata.deletionTimestamp),

  // Labels that select other features, and what a feature can't do in place, take new pipelines.
  follow = () => Promise.all(call('changed')).then(
    answers => (answers.some(answer => answer) || names(config.pod()).join() !== names(pod).join()) && pipy.restart()
  ),

  podChanged = () => (
    leaving.promise ? undefined : isDeleted() ? leave() : follow()
  ),

  // A preStop hook asks for the drain. Anybody can reach this port, so it is believed only once the Pod is really
  // being deleted, which the Repo tells within a moment.
  deletionSeen = tries => (
    isDeleted() ? Promise.resolve(true) :
    tries > 0 ? new Timeout(0.1).wait().then(() => deletionSeen(tries - 1)) :
    Promise.resolve(false)
  ),
  drain = req => (
    req.head.path !== '/drain' ? new Message({ status: 404 }) :
    req.head.method !== 'GET' ? new Message({ status: 405 }) :
    deletionSeen(20).then(
      seen => seen ? (
        leave().then(() => new Message({ status: 200 }, 'drained\n'))
      ) : (
        new Message({ status: 409 }, 'the Pod is not being deleted\n')
      )
    )
  ),
  address = config.host(pod.status.podIP),
  drainPort = pod.status.podIP && !pod.spec.hostNetwork ? `${address}:15063` : 0,

  // How a check reaches its target. It holds the socket, for at its time-out it closes it.
  dial = check => $ => $.connect(check.target, { connectTimeout: check.timeout, onState: check.opened }),
  reach = check => check.tls ? ($ => $.connectTLS(check.tls).to(dial(check))) : dial(check),

  isGood = status => status >= 200 && status < 400,

  checks = all('checks'),
) => pipy()

.task()
.onStart(() => (call('start'), isDeleted() && leave(), new StreamEnd))

.watch(config.path)
.onStart(() => (podChanged(), new StreamEnd))

.exit(() => leave().then(() => new StreamEnd))

.listen(drainPort, { maxConnections: 16, idleTimeout: 30 })
.serveHTTP(drain)

// Health checks. The status decides, as soon as it is there; an end without one (also at the time-out) is a failure.
.repeat(
  checks.filter(check => check.http),
  ($, check) => $
    .task(`${check.seconds}s`)
    .onStart(() => check.begin() ? new Message(check.http) : new StreamEnd)
    .muxHTTP(() => new Object, { maxIdle: 0 }).to(reach(check))
    .replaceMessageStart(res => (check.end(isGood(res.head.status)), new StreamEnd))
    .handleStreamEnd(() => check.end(false))
)
.repeat(
  checks.filter(check => !check.http),
  ($, check) => $
    .task(`${check.seconds}s`)
    .onStart(() => check.begin() ? new Data : new StreamEnd)
    .connect(check.target, {
      connectTimeout: check.timeout,
      onState: socket => (
        check.opened(socket),
        socket.state === 'connected' && (check.end(true), socket.close())
      ),
    })
    .replaceStreamStart(() => new StreamEnd)
    .handleStreamEnd(() => check.end(false))
)

// A flush comes first: where servers speak first, clients wait.
.repeat(
  all('listeners').filter(listener => listener.module),
  ($, listener) => $
    .listen(listener.port, listener.options || {})
    .onStart(() => new Data)
    .use(listener.module)
)

// Plain inbound proxies.
.repeat(
  all('listeners').filter(listener => !listener.module),
  ($, listener) => $
    .listen(listener.port, listener.options || {})
    .demuxHTTP().to($ => $
      .muxHTTP().to($ => $.connect(listener.target))
    )
)

)()
