// filters.md 8: bad magic: SE ProtocolError.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeDubbo()
  .replaceStreamEnd(end => [new Data(end.error), new StreamEnd])
