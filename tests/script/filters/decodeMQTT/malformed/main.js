// filters.md 8: malformed: SE ProtocolError.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeMQTT()
  .replaceStreamEnd(end => [new Data(end.error), new StreamEnd])
