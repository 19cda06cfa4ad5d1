pipy({
  _g: { sessions: 0, log: [] },
  _target: '',
  _proxy: os.env.PROXY || '127.0.0.1:1081',
  _greeting: null,
  _done: false,
  _bytes: 0,
})

// a SOCKS server of the old kind
.listen('127.0.0.1:1080')
  .proxySOCKS(
    'socks',
    (host, port, user) => (
      _target = `${host}:${port}`,
      console.log('socks', host, port, user || '-'),
      port !== 22
    )
  )

.pipeline('socks')
  .onData(data => _bytes += data.size)
  .onSessionEnd(() => console.log('socks end', _bytes > 0))
  .connect(() => _target)

// an HTTP proxy that can only CONNECT
.listen('127.0.0.1:1081')
  .demuxHTTP('tunnel')

.pipeline('tunnel')
  .acceptHTTPTunnel(
    'tunneled',
    msg => (
      _target = msg.head.path,
      msg.head.method === 'CONNECT' ? new Message({ status: 200 }) : new Message({ status: 405 }, 'CONNECT only\n')
    )
  )

.pipeline('tunneled')
  .connect(() => _target)

// TCP in, CONNECT out
.listen('127.0.0.1:1082')
  .connectHTTPTunnel('proxy', '127.0.0.1:9001')

.pipeline('proxy')
  .muxHTTP('proxy-session', '')

.pipeline('proxy-session')
  .connect(() => _proxy)

// the server speaks first
.listen('127.0.0.1:2525')
  .onStart(new Data)
  .replaceSessionStart(evt => [new Data('\0\r\n'), evt])
  .split('\r\n')
  .replaceMessage(
    msg => (
      (line => (
        line === '\0' ? new Data('220 ready\r\n') :
        line.toUpperCase() === 'QUIT' ? [new Data('221 bye\r\n'), new StreamEnd] :
        line.toUpperCase().startsWith('HELO') ? new Data(`250 hello ${line.substring(5)}\r\n`) :
        new Data('500 what?\r\n')
      ))(msg.body.toString())
    )
  )

// a program for each connection
.listen('127.0.0.1:2000')
  .dump('seen')
  .exec('stdbuf -oL tr a-z A-Z')

// asks before it lets a stream through
.listen('127.0.0.1:2001')
  .fork('ask')
  .wait(() => _done)
  .connect('127.0.0.1:9001')

.pipeline('ask')
  .replaceSessionStart(() => new Message({ path: '/ask', headers: { host: 'one' } }))
  .encodeHTTPRequest()
  .connect('127.0.0.1:9002')
  .decodeHTTPResponse()
  .onMessageEnd(() => _done = true)

// counts, in the past's only loop
.listen('127.0.0.1:2002')
  .onSessionStart(() => _g.sessions++)
  .onSessionEnd(() => _g.sessions--)
  .demuxHTTP('count')

.pipeline('count')
  .replaceMessage(() => new Message(`${_g.sessions}`))

// datagrams are messages
.listen('127.0.0.1:5301', { protocol: 'udp' })
  .onMessage(msg => _g.log.push(msg.body.size))
  .replaceMessage(msg => new Message(`${_g.log.length}:${msg.body}`))

.listen('127.0.0.1:5302', { protocol: 'udp' })
  .connect('127.0.0.1:5301', { protocol: 'udp' })

// one shot, with the empty message of those days
.task()
  .onMessage(msg => console.log('task got a message of', msg.body.size))
  .replaceMessage(() => new StreamEnd)
