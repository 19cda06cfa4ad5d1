// filters.md 8, http.md: head has status and statusText; RFC 9112 section 7.1: chunks.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeHTTPResponse()
  .replaceMessage(msg => new Data([msg.head.status, msg.head.statusText, msg.body].join(' ')))
