// filters.md 2, replaceMessage: SE inside an unfinished message completes it; the replacement, then the SE ("saner").
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart, e])
  .replaceMessage(msg => new Message('<' + msg.body + '>'))
  .replaceStreamEnd(e => [new Data('end'), e])
