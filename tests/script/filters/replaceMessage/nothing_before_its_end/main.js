// filters.md 2: the whole message; nothing of it is output before its end.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart({ n: 1 }), e])
  .replaceStreamEnd(e => [new MessageEnd({ t: 2 }), e])
  .replaceMessage(msg => new Message(msg.head, msg.body.toString().toUpperCase()))
