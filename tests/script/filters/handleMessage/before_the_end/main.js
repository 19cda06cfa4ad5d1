// filters.md 1: handleMessage is called at ME, before that event is passed; earlier events have been passed already.
pipy({ _body: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .handleMessage(msg => _body = msg.head.n + msg.body.toString() + msg.tail.t)
  .replaceMessageEnd(e => [new Data('=' + _body), e])
