// One connection that rules have led here: to where it was going, by HTTP where it is that, else byte by byte. A codebase that
// has a file of this name replaces it; `__inbound.destinationAddress` and `destinationPort` are all that it needs.
((
  config = pipy.solve('base/config.js'),
  meter = pipy.solve('features/proxy/meter.js'),
  trace = pipy.solve('features/proxy/trace.js'),
  cfg = config.proxy(config.pod()),

  options = { connectTimeout: cfg.connectSeconds, idleTimeout: cfg.idleSeconds },

  isLoopback = ip => ip === '::1' || ip.startsWith('127.'),

  // Who connects to our port itself has no destination, or that port: to serve it would be to connect to ourselves.
  isDirect = ({ destinationAddress, destinationPort, localAddress, localPort }) => (
    !destinationPort || destinationPort === localPort && destinationAddress === localAddress
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
})

.pipeline()
.onEnd(() => _connection && !_connection.isProbe && meter.closed(_connection))
.handleStreamStart(() => _connection = open(__inbound))
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

.pipeline('http1')
.demuxHTTP().to($ => $
  .onEnd(() => _request && meter.ended(_request))
  .handleMessageStart(({ head }) => (_request = meter.request(_connection, head), trace(head.headers)))
  .muxHTTP(() => _connection, { maxIdle: cfg.idleSeconds }).to($ => $.connect(() => _connection.target, options))
  .handleMessageStart(({ head }) => _request.status = head.status)
)

.pipeline('http2')
.demuxHTTP().to($ => $
  .onEnd(() => _request && meter.ended(_request))
  .handleMessageStart(({ head }) => (_request = meter.request(_connection, head), trace(head.headers)))
  .muxHTTP(() => _connection, { version: 2, maxQueue: 1000, maxIdle: cfg.idleSeconds })
  .to($ => $.connect(() => _connection.target, options))
  .handleMessageStart(({ head }) => _request.status = head.status)
)

)()
