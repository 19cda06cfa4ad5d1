// filters.md 1: bufferLimit truncates the body kept for the callback; it never alters the stream.
pipy({ _body: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .handleMessage(msg => _body = msg.body.toString(), { bufferLimit: 2 })
  .replaceMessageEnd(e => [new Data('=' + _body), e])
