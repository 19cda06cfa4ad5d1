// filters.md 1: changing evt.head in place is visible downstream.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .handleMessageStart(e => e.head.n = 'changed')
  .replaceMessage(msg => new Message(msg.head.n))
