// filters.md 2: MS and ME pass; between them the result is output.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceMessageBody(body => new Data('<' + body + '>'))
  .replaceMessageStart(() => new Data('('))
  .replaceMessageEnd(() => new Data(')'))
