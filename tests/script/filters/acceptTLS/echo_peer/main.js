// filters.md 7: input is held until the handshake is done; after it bytes and ends pass in both directions.
((identity = {
    cert: new crypto.Certificate(pipy.load('server.crt')),
    key: new crypto.PrivateKey(pipy.load('server.key')),
  }) => pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectTLS({ trusted: [identity.cert], sni: 'peer.test' }).to('dial')
  .pipeline('dial')
  .connect('127.0.0.1:' + os.env.CASE_PORT2)
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .acceptTLS({ certificate: identity }).to('peer')
  .pipeline('peer')
  .replaceData(d => d.size > 0 ? new Data('peer got ' + d) : null)
  .replaceStreamEnd(e => [new Data(', bye'), e])
)()
