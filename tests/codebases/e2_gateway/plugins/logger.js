((
  config = pipy.solve('config.js'),
  logger = new logging.JSONLogger('access').toHTTP(config.log, {
    batch: { size: 100, timeout: 1, interval: 1, postfix: '\n', separator: '\n' },
    headers: { 'Content-Type': 'application/x-ndjson', 'Authorization': 'Basic abc' },
    bufferLimit: '1m',
  }),
) => pipy({
  _head: null,
  _size: 0,
})

.import({
  __consumer: 'main',
  __route: 'main',
  __target: 'main',
})

.pipeline()
.handleMessageStart(msg => _head = msg.head)
.handleData(data => _size += data.size)
.chain()
.handleMessage(
  msg => logger.log({
    method: _head.method,
    path: _head.path,
    received: _size,
    sent: msg.body.size,
    consumer: __consumer?.name,
    service: __route?.service,
    target: __target?.id,
    remote: __inbound.remoteAddress,
  })
)

)()
