((
  config = JSON.decode(pipy.load('config/logger.json')),
  CONTENT_TYPES = { '': true, 'text/plain': true, 'application/json': true },
) => pipy({
  _reqHead: null,
  _reqTime: 0,
  _reqBody: '',
  _resHead: null,
})

.import({
  __serviceID: 'router',
})

.pipeline('request')
  .handleMessageStart(
    msg => (
      _reqHead = msg.head,
      _reqTime = Date.now()
    )
  )
  .handleMessageBody(
    body => _reqBody = body.toString()
  )

.pipeline('response')
  .handleMessageStart(msg => _resHead = msg.head)
  .fork('log')

.pipeline('log')
  .decompressHTTP()
  .handleMessage(
    msg => (
      _reqHead.headers.authorization && (_reqHead.headers.authorization = '***')
    )
  )
  .replaceMessage(
    msg => new Message(
      JSON.encode({
        service: __serviceID,
        method: _reqHead.method,
        path: _reqHead.path,
        body: _reqBody,
        status: _resHead?.status || 200,
        size: msg.body.size,
        late: Date.now() < _reqTime,
      }).push('\n')
    )
  )
  .merge('log-send', '')

.pipeline('log-send')
  .pack(1000, { timeout: 1, interval: 1 })
  .replaceMessageStart(
    () => new MessageStart({
      method: 'POST',
      path: config.path,
      headers: {
        'Host': config.host,
        'Authorization': config.auth,
        'Content-Type': 'application/json',
      },
    })
  )
  .encodeHTTPRequest()
  .connect(
    () => config.host,
    {
      bufferLimit: '8m',
      retryCount: -1,
      retryDelay: 1,
    }
  )

)()
