// http.md: serveHTTP answers each request with the message that its function returns; read back by decodeHTTPResponse.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .serveHTTP(msg => new Message({ status: msg.head.path === '/a' ? 200 : 404 }, 'path ' + msg.head.path))
  .decodeHTTPResponse()
  .replaceMessage(msg => new Data(msg.head.status + ' ' + msg.body + '\n'))
