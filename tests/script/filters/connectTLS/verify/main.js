// filters.md 7: verify(ok, cert): called per certificate in the chain when verifying; returns boolean verdict. On failure state 'closed' with `error` set, clean SE out.
((identity = {
    cert: new crypto.Certificate(pipy.load('server.crt')),
    key: new crypto.PrivateKey(pipy.load('server.key')),
  },
  seen = []) => pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectTLS({
    trusted: [identity.cert],
    sni: 'peer.test',
    verify: (ok, cert) => (seen.push(ok + ' ' + cert.subjectAltNames[0]), false),
    onState: s => seen.push(s.error ? s.state + ': ' + s.error : s.state),
  }).to('dial')
  .replaceStreamEnd(e => [new Data(seen.join(', ') + (e.error ?? '')), new StreamEnd])
  .pipeline('dial')
  .connect('127.0.0.1:' + os.env.CASE_PORT2)
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .acceptTLS({ certificate: identity }).to('peer')
  .pipeline('peer')
  .replaceData(() => new Data('never'))
)()
