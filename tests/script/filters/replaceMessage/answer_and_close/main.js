// filters.md 2: [new Message(...), new StreamEnd] answers and closes.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceMessage([new Message('bye'), new StreamEnd, new Data('never')])
