// filters.md 1: handleMessageEnd is called at each ME; head is not available.
pipy({ _tail: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .handleMessageEnd(e => _tail = e.tail.t + '' + (e.head === undefined))
  .replaceMessageEnd(() => new Data(_tail))
