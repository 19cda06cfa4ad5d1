// filters.md 8: every encoder does the reverse of its decoder; here both in a row.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => new Message({ status: 404 }, d))
  .encodeHTTPResponse()
  .decodeHTTPResponse()
  .replaceMessage(msg => new Data([msg.head.status, msg.head.statusText, msg.body].join(' ')))
