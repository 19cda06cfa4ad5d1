((
  config = JSON.decode(pipy.load('config.json')),

  load = name => ({
    cert: new crypto.CertificateChain(os.readFile(`secrets/${name}.crt`)),
    key: new crypto.PrivateKey(os.readFile(`secrets/${name}.key`)),
  }),

  ca = new crypto.Certificate(os.readFile('secrets/ca.crt')),

  certificates = Object.fromEntries(
    Object.entries(config.hosts).map(([host, { cert }]) => [host, load(cert)])
  ),

  certificateOf = sni => (
    console.info('sni:', sni || '(none)'),
    certificates[sni || config.default]
  ),
) => pipy({
  _sni: '',
  _alpn: null,
  _peer: null,
  _target: null,
  _names: null,
  _version: 0,
})

// ---- TLS ends here

.listen(config.https)
.acceptTLS({
  certificate: sni => certificateOf(sni),
  alpn: ['h2', 'http/1.1'],
  handshake: ({ alpn }) => _alpn = alpn,
  onState: session => session.state === 'connected' && (_sni = session.hostname),
}).to(
  $=>$
  .demuxHTTP().to(
    $=>$
    .handleMessageStart(
      msg => (
        _target = config.hosts[msg.head.headers.host.split(':')[0]]?.target,
        msg.head.headers['x-forwarded-proto'] = 'https',
        msg.head.headers['x-alpn'] = _alpn,
        msg.head.headers['x-sni'] = _sni
      )
    )
    .branch(
      () => _target, (
        $=>$.muxHTTP(() => _target).to(
          $=>$.connect(() => _target)
        )
      ), (
        $=>$.replaceMessage(new Message({ status: 421 }, 'Misdirected'))
      )
    )
  )
)

// ---- TLS goes through

.listen(config.passthrough)
.handleTLSClientHello(
  hello => (
    _names = hello.serverNames || [],
    console.log('client hello', _names[0], hello.protocolNames)
  )
)
.branch(
  () => _names?.[0] === 'deny.example.com', (
    $=>$.replaceStreamStart(new StreamEnd)
  ),
  () => _names, (
    $=>$.connect(`127.0.0.1:${config.https}`)
  )
)

// ---- clients must show who they are

.listen(config.mtls)
.acceptTLS({
  certificate: certificates[config.default],
  trusted: [ca],
  verify: (ok, cert) => (_peer = cert, ok),
}).to(
  $=>$
  .demuxHTTP().to(
    $=>$.replaceMessage(
      () => new Message(JSON.encode({ subject: _peer?.subject?.CN, issuer: _peer?.issuer?.CN, names: _peer?.subjectAltNames }))
    )
  )
)

// ---- and out with TLS: HTTP/1 in, whatever the server likes out

.listen(config.egress)
.demuxHTTP().to(
  $=>$
  .handleMessageStart(msg => _sni = msg.head.headers.host)
  .muxHTTP(() => _sni, {
    version: () => new Promise(r => _version = r),
    maxQueue: 100,
  }).to(
    $=>$.connectTLS({
      sni: () => _sni,
      trusted: [ca],
      alpn: ['h2', 'http/1.1'],
      certificate: load('client'),
      handshake: ({ alpn }) => _version(alpn === 'h2' ? 2 : 1),
    }).to(
      $=>$.connect(() => _sni === 'mtls.example.com' ? `127.0.0.1:${config.mtls}` : `127.0.0.1:${config.https}`)
    )
  )
)

)()
