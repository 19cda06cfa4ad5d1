// filters.md 2: replaceMessageEnd replaces each ME.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceMessageEnd(e => [new Data('!'), new MessageEnd({ t: 9 })])
  .replaceMessage(msg => new Data(msg.body + '' + msg.tail.t))
