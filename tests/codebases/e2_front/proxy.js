((
  { upstreams } = JSON.decode(pipy.load('config.json')),
  { mark } = pipy.solve('lib.js'),
) => pipy()

.pipeline()
.muxHTTP(() => upstreams.http1).to(
  $=>$.connect(() => upstreams.http1)
)
.handleMessageStart(msg => mark(msg, 'plain'))

.pipeline('streaming')
.muxHTTP(() => 'streaming', { bufferSize: 1000 }).to(
  $=>$.connect(() => upstreams.http1)
)
.handleMessageStart(msg => mark(msg, 'streaming'))

.pipeline('h2')
.muxHTTP(() => upstreams.http2, { version: 2, maxQueue: 100, maxIdle: 5 }).to(
  $=>$.connect(() => upstreams.http2)
)
.handleMessageStart(msg => mark(msg, 'h2'))

)()
