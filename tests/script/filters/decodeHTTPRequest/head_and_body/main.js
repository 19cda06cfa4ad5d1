// filters.md 8, http.md: head has method, path, headers with lower-case names; RFC 9112 section 6.2: content-length octets of body.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeHTTPRequest()
  .replaceMessage(msg => new Data([msg.head.method, msg.head.path, msg.head.headers.host, msg.body].join(' ')))
