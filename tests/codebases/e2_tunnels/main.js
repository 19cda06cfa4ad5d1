((
  config = JSON.decode(pipy.load('config.json')),
  allowed = new Set(config.allowed),
  connections = new stats.Gauge('tunnels', ['kind']),
  outbounds = {},

) => pipy({
  _target: '',
  _head: null,
  _kind: '',
  _url: null,
  _resolve: null,
  _state: '',
})

// ---- forward proxy: CONNECT, and requests with a whole URL

.listen(config.http)
.demuxHTTP().to(
  $=>$
  .handleMessageStart(
    msg => (
      _head = msg.head,
      msg.head.method === 'CONNECT' ? (
        _target = msg.head.path
      ) : (
        _url = new URL(msg.head.path),
        _target = `${_url.hostname}:${_url.port || 80}`,
        msg.head.path = _url.path,
        msg.head.headers.via = '1.1 tunnels'
      )
    )
  )
  .branch(
    () => _head.headers['proxy-authorization'] !== `Basic ${new Data('me:secret').toString('base64')}`, (
      $=>$.replaceMessage(
        new Message({ status: 407, headers: { 'proxy-authenticate': 'Basic realm="tunnels"' } })
      )
    ),
    () => !allowed.has(_target.split(':')[0]), (
      $=>$.replaceMessage(() => new Message({ status: 403 }, `no way to ${_target}`))
    ),
    () => _head.method === 'CONNECT', (
      $=>$.acceptHTTPTunnel(() => new Message({ status: 200 })).to(
        $=>$
        .onStart(() => (connections.withLabels('connect').increase(), new Data))
        .onEnd(() => connections.withLabels('connect').decrease())
        .connect(() => _target, {
          onState: ob => _state = ob.state,
        })
      )
    ), (
      $=>$
      .handleMessageStart(msg => delete msg.head.headers['proxy-authorization'])
      .muxHTTP(() => _target).to(
        $=>$.connect(() => _target)
      )
    )
  )
)

// ---- SOCKS in, CONNECT out: through the proxy above

.listen(config.socks)
.acceptSOCKS(
  req => (
    _target = `${req.domain || req.ip}:${req.port}`,
    console.info('socks to', _target, 'from', __inbound.remoteAddress),
    true
  )
).to(
  $=>$
  .connectHTTPTunnel(
    () => new Message({
      method: 'CONNECT',
      path: _target,
      headers: { host: _target, 'proxy-authorization': 'Basic ' + new Data('me:secret').toString('base64') },
    }),
    { onState: s => outbounds[s] = true }
  ).to(
    $=>$
    .muxHTTP(() => _target, { maxQueue: 1 }).to(
      $=>$.connect(`127.0.0.1:${config.http}`)
    )
  )
)

// ---- CONNECT in, SOCKS out: through the one above

.listen(config.chain)
.demuxHTTP().to(
  $=>$
  .acceptHTTPTunnel(
    msg => (
      _target = msg.head.path,
      _target.endsWith(':1') ? new Message({ status: 503 }, 'closed today') : null
    )
  ).to(
    $=>$.connectSOCKS(() => _target).to(
      $=>$.connect(`127.0.0.1:${config.socks}`)
    )
  )
)

// ---- through a TLS tunnel that carries many streams in HTTP/2

.listen(config.entry)
.connectHTTPTunnel(
  new Message({ method: 'CONNECT', path: config.backend })
).to(
  $=>$
  .muxHTTP(() => 'exit', { version: 2, maxQueue: 100 }).to(
    $=>$
    .connectTLS({ alpn: 'h2', sni: 'exit' }).to(
      $=>$.connect(`127.0.0.1:${config.exit}`)
    )
  )
)

.listen(config.exit)
.acceptTLS({
  certificate: () => config.certificate || (config.certificate = {
    cert: new crypto.Certificate(os.readFile('exit.crt')),
    key: new crypto.PrivateKey(os.readFile('exit.key')),
  }),
  alpn: ['h2'],
}).to(
  $=>$
  .demuxHTTP().to(
    $=>$
    .acceptHTTPTunnel(msg => (_target = msg.head.path, console.log('exit to', _target), new Message({ status: 200 }))).to(
      $=>$.connect(() => _target)
    )
  )
)

)()
