// filters.md 1: handleMessageBody gets the whole body as Data at the same moment.
pipy({ _body: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceData(d => [d, d])
  .handleMessageBody(body => _body = body.toString())
  .replaceMessageEnd(e => [new Data('=' + _body), e])
