// filters.md 8: every encoder does the reverse of its decoder; here both in a row.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => new Message({ method: 'POST', path: '/p', headers: { host: 'x' } }, d))
  .encodeHTTPRequest()
  .decodeHTTPRequest()
  .replaceMessage(msg => new Data([msg.head.method, msg.head.path, msg.head.headers.host, msg.body].join(' ')))
