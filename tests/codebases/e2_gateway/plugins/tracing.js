((
  config = pipy.solve('config.js'),
  { id16, id32 } = pipy.solve('lib/ids.js'),
  logger = new logging.JSONLogger('zipkin').toHTTP(config.zipkin, {
    batch: { timeout: 1, interval: 1, prefix: '[', postfix: ']', separator: ',' },
    headers: { 'Content-Type': 'application/json' },
  }).log,

) => pipy({
  _span: null,
  _began: 0,
})

.pipeline()
.handleMessageStart(
  ({ head: { method, path, headers } }) => (
    headers['x-b3-sampled'] ??= '1',
    headers['x-b3-traceid'] ||= id32(),
    headers['x-b3-spanid'] ? (
      headers['x-b3-parentspanid'] = headers['x-b3-spanid'],
      headers['x-b3-spanid'] = id16()
    ) : headers['x-b3-spanid'] = id16(),
    _began = Date.now() * 1000,
    _span = headers['x-b3-sampled'] === '1' && {
      traceId: headers['x-b3-traceid'],
      id: headers['x-b3-spanid'],
      ...(headers['x-b3-parentspanid'] ? { parentId: headers['x-b3-parentspanid'] } : {}),
      name: method,
      timestamp: _began,
      kind: 'SERVER',
      localEndpoint: { serviceName: 'gateway', port: __inbound.localPort },
      tags: { 'http.path': path },
    }
  )
)
.chain()
.handleMessage(
  msg => _span && logger({
    ..._span,
    duration: Math.max(1, Date.now() * 1000 - _began),
    tags: { ..._span.tags, 'http.status_code': (msg.head?.status || 200).toString() },
  })
)

)()
