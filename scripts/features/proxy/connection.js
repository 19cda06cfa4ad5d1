// One connection that rules have led here: to where it was going, by HTTP where it is that, else byte by byte. A codebase that
// has a file of this name replaces it; `__inbound.destinationAddress` and `destinationPort` are all that it needs.
((
  config = pipy.solve('base/config.js'),
  meter = pipy.solve('features/proxy/meter.js'),
  cfg = config.proxy(config.pod()),

  options = { connectTimeout: cfg.connectSeconds, idleTimeout: cfg.idleSeconds },

  isLoopback = ip => ip === '::1' || ip.startsWith('127.'),

  // Who connects to our port itself has no destination, or that port: to serve it would be to connect to ourselves. What
  // comes in for that port of any address is such: the app cannot have it.
  isDirect = ({ destinationAddress, destinationPort, localAddress, localPort }) => (
    !destinationPort ||
    destinationPort === localPort && (localPort === cfg.inboundPort || destinationAddress === localAddress)
  ),

  // Rules lead this port to us on loopback, where the agent asks whether they do; to connect to it would come back.
  isProbe = ({ destinationAddress, destinationPort }) => (
    destinationPort === cfg.probePort && isLoopback(destinationAddress)
  ),

  open = inbound => ({
    ...meter.connection(inbound.localPort === cfg.outboundPort ? 'outbound' : 'inbound'),
    target: `${config.host(inbound.destinationAddress)}:${inbound.destinationPort}`,
    peer: `${config.host(inbound.remoteAddress)}:${inbound.remotePort}`,
    isProbe: isProbe(inbound),
    isRefused: isDirect(inbound),
    // Where the server speaks first there is nothing to look at, and waiting for it would take time.
    protocol: cfg.plainPorts.indexOf(inbound.destinationPort) >= 0 ? 'TCP' : null,
  }),
) => pipy({
  _connection: null,
  _request: null,
  // Of HTTP/1, the oldest first; and whether there were too many to follow.
  _requests: null,
  _isLost: false,
})

.pipeline()
.onEnd(() => _connection && !_connection.isProbe && (
  _requests.forEach(request => meter.ended(request)),
  meter.closed(_connection)
))
.handleStreamStart(() => (_connection = open(__inbound), _requests = []))
.branch(
  () => _connection.isProbe, $ => $
    .replaceStreamStart(() => [new Data(`ballast ${_connection.target}\n`), new StreamEnd]),

  () => _connection.isRefused, $ => $
    .replaceStreamStart(() => new StreamEnd('ConnectionReset')),

  () => _connection.protocol, $ => $
    .connect(() => _connection.target, options),

  $ => $
    // The flush makes those that wait for the answer go on when it comes by the clock.
    .detectProtocol(protocol => (_connection.protocol = protocol || 'TCP', new Data), { timeout: cfg.detectSeconds })
    .branch(
      () => _connection.protocol === 'HTTP', $ => $.link('http1'),
      () => _connection.protocol === 'HTTP2', $ => $.link('http2'),
      () => _connection.protocol, $ => $.connect(() => _connection.target, options)
    )
)

// HTTP/1 goes by as it came, byte by byte: what this proxy would make of a message (its framing, hop-by-hop headers, methods that
// it does not know) is nobody's business but theirs. Copies are read to see who asks for what, and how it ends.
.pipeline('http1')
.fork().to('requests')
.connect(() => _connection.target, options)
.fork().to('responses')

.pipeline('requests')
.decodeHTTPRequest()
.handleMessageStart(({ head }) => (
  _requests.length < cfg.maxPipelined ? _requests.push(meter.request(_connection, head)) : (_isLost = true)
))

.pipeline('responses')
.decodeHTTPResponse(() => _requests[0] && _requests[0].head)
.handleMessageStart(({ head }) => _requests[0] && (_requests[0].status = head.status))
// After an interim answer (100, 103) another one comes; behind 101 there is no HTTP any more.
.handleMessageEnd(() => (
  _requests[0] && !_isLost && (_requests[0].status >= 200 || _requests[0].status === 101) && meter.ended(_requests.shift())
))

// HTTP/2 request by request: its frames keep what a message was.
.pipeline('http2')
.demuxHTTP().to($ => $
  .onEnd(() => _request && meter.ended(_request))
  .handleMessageStart(({ head }) => _request = meter.request(_connection, head))
  // One session a connection of the client (no key), which ends soon after it.
  .muxHTTP(() => undefined, { version: 2, maxQueue: 1000, maxIdle: 10 }).to($ => $
    .connect(() => _connection.target, options)
  )
  .handleMessageStart(({ head }) => _request.status = head.status)
)

)()
