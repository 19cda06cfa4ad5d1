// filters.md 2: replaceMessageStart replaces each MS.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceMessageStart(e => new MessageStart({ n: e.head.n + 1 }))
  .replaceMessage(msg => new Data('' + msg.head.n))
