// http.md 2: responses with neither length nor chunks are read until EOF.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeHTTPResponse().replaceMessage(res => new Message(res.head.status + ' ' + res.body)).encodeHTTPResponse()
