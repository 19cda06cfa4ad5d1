var router = new algo.URLRouter({
  'www.example.com/*': '127.0.0.1:9001',
  'www.example.com/static/*': '127.0.0.1:9002',
  '*.example.com/*': '127.0.0.1:9002',
  '/down': '127.0.0.1:1',
})

pipy({
  _host: '',
  _path: '',
  _upstream: '',
  _rate: { n: 0 },
  _log: [],
})

.listen(8080)
  .link('connection')

.listen(8443, {
  tls: {
    cert: os.readFile('server.crt'),
    key: os.readFile('server.key'),
  }
})
  .link('connection')

.listen(8444, {
  tls: {
    certificate: sni => ({
      cert: new crypto.CertificateChain(os.readFile('server.crt')),
      key: new crypto.PrivateKey(os.readFile('server.key')),
    })
  }
})
  .link('connection')

// a plain relay with a limited pace, one bucket for each client
.listen('127.0.0.1:8090')
  .tap('100k', () => __inbound.remoteAddress)
  .connect('127.0.0.1:9001')

.pipeline('connection')
  .onSessionStart(() => _rate.n++)
  .decodeHttpRequest()
  .demux('request')
  .encodeHttpResponse()

.pipeline('request')
  .onMessageStart(
    evt => (
      _host = evt.head.headers.host,
      _path = evt.head.path,
      _upstream = router.find(_host, _path)
    )
  )
  .link(
    'forward', () => Boolean(_upstream),
    'connections', () => _path == '/connections',
    'echo', () => _path == '/echo',
    'not-found'
  )

.pipeline('forward')
  .mux('session', () => _upstream)

.pipeline('session')
  .encodeHttpRequest()
  .connect(() => _upstream)
  .decodeHttpResponse()

.pipeline('connections')
  .replaceMessage(() => new Message(`${_rate.n} so far\n`))

.pipeline('echo')
  .onMessageBody(body => _log.push(body.size))
  .replaceMessageBody(body => new Data(`${_log.length}: `).push(body))
  .replaceMessageStart(e => new MessageStart({ headers: { 'Content-Type': e.head.headers['content-type'] } }))

.pipeline('not-found')
  .replaceMessage(new Message({ status: 404 }, 'nothing here\n'))
