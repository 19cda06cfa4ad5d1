// filters.md 7: certificate: fn(sni); alpn, server: acceptable names in order of preference; handshake: called once after success with { alpn }.
((identity = {
    cert: new crypto.Certificate(pipy.load('server.crt')),
    key: new crypto.PrivateKey(pipy.load('server.key')),
  }) => pipy({ _agreed: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectTLS({ trusted: [identity.cert], sni: 'peer.test', alpn: ['http/1.1', 'h2'] }).to('dial')
  .pipeline('dial')
  .connect('127.0.0.1:' + os.env.CASE_PORT2)
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .acceptTLS({
    certificate: sni => sni == 'peer.test' ? identity : null,
    alpn: ['h2', 'http/1.1'],
    handshake: ({ alpn }) => _agreed += alpn,
  }).to('peer')
  .pipeline('peer')
  .replaceData(d => d.size > 0 ? new Data(_agreed + ': ' + d) : null)
)()
