// Starts what the Pod's labels ask for. A feature is a file features/<label>/main.js that evaluates to an object:
//   checks     health checks to run: { name, seconds, timeout, target, http?, tls?, due(), done(ok) }
//   listeners  ports to open: { port, options?, target }
//   start()    called once
//   changed()  pod.json has changed in place
//   leave()    → Promise: the Pod is going away
((
  config = pipy.solve('base/config.js'),
  pod = config.pod(),

  features = Object.keys(pod.features)
    .filter(name => pipy.load(`features/${name}/main.js`))
    .map(name => pipy.solve(`features/${name}/main.js`)),

  all = name => features.flatMap(feature => feature[name] || []),
  call = name => features.map(feature => feature[name] && feature[name]()),

  leaving = { promise: null },
  leave = () => leaving.promise || (leaving.promise = Promise.all(call('leave'))),

  isDeleted = () => Boolean(config.pod().metadata.deletionTimestamp),

  podChanged = () => (
    isDeleted() ? leave() : call('changed')
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
  drainPort = pod.status.podIP && !pod.spec.hostNetwork ? `${pod.status.podIP}:15063` : 0,

  checks = all('checks'),
) => pipy({
  _check: null,
  _reached: false,
})

.task()
.onStart(() => (call('start'), isDeleted() && leave(), new StreamEnd))

.watch(config.path)
.onStart(() => (podChanged(), new StreamEnd))

.exit(() => leave().then(() => new StreamEnd))

.listen(drainPort, { maxConnections: 16, idleTimeout: 30 })
.serveHTTP(drain)

// Health checks. A result that comes after the time-out is too late; the time-out itself is the check's own timer.
.repeat(
  checks.filter(check => check.http),
  ($, check) => $
    .task(`${check.seconds}s`)
    .onStart(() => check.due() ? new Message(check.http) : new StreamEnd)
    .muxHTTP(() => new Object, { maxIdle: 0 }).to(
      $ => $.branch(
        Boolean(check.tls), $ => $.connectTLS({ sni: check.tls.sni }).to(
          $ => $.connect(check.target, { connectTimeout: check.timeout, idleTimeout: check.timeout + 1 })
        ),
        $ => $.connect(check.target, { connectTimeout: check.timeout, idleTimeout: check.timeout + 1 })
      )
    )
    .replaceMessage(
      res => (
        check.done(res.head.status >= 200 && res.head.status < 400),
        new StreamEnd
      )
    )
    // The server closed without an answer.
    .handleStreamEnd(() => check.done(false))
)
.repeat(
  checks.filter(check => !check.http),
  ($, check) => $
    .task(`${check.seconds}s`)
    .onStart(() => check.due() ? (_reached = false, new Data) : new StreamEnd)
    .connect(check.target, {
      connectTimeout: check.timeout,
      idleTimeout: check.timeout + 1,
      onState: socket => socket.state === 'connected' && (
        _reached = true,
        check.done(true),
        socket.close()
      ),
    })
    .handleStreamEnd(() => _reached || check.done(false))
    .replaceStreamStart(() => new StreamEnd)
)

// Plain inbound proxies.
.repeat(
  all('listeners'),
  ($, listener) => $
    .listen(listener.port, listener.options || {})
    .demuxHTTP().to($ => $
      .muxHTTP().to($ => $.connect(listener.target))
    )
)

)()
