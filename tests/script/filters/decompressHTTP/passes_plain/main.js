// filters.md 8: per message by its content-encoding; others pass.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => new Message({ status: 200, headers: {} }, d))
  .decompressHTTP()
  .replaceMessage(msg => new Data('plain ' + msg.body))
