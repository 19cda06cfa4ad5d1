// filters.md 8 and 0: what is not Thrift ends the stream with ProtocolError; a message that is cut off too.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeThrift()
  .replaceMessage(({ payload }) => new Data(payload.name + '\n'))
  .replaceStreamEnd(end => [new Data(end.error), new StreamEnd])
