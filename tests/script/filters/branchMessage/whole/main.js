// filters.md 4: decided when a message is complete, with the Message as argument; everything is held until then.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .branchMessage(
    msg => msg.body.toString() === 'x', $ => $.replaceData(d => new Data('is ' + d)),
    $ => $.replaceData(d => new Data('not x'))
  )
