// filters.md 8: decodeHTTPRequest outputs a message for each request; http.md 1: path holds the query string.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeHTTPRequest().replaceMessage(req => new Message(req.head.path)).encodeHTTPResponse()
