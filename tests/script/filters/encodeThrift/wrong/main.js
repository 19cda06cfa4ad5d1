// filters.md 0.1: a payload that is no Thrift message ends the stream with an Error, and nothing is sent of it.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(data => new Message(null, null, null, JSON.decode(data)))
  .encodeThrift()
  .replaceData(data => new Data('sent '))
  .replaceStreamEnd(end => [new Data(end.error.message), new StreamEnd])
