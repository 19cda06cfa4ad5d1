// http.md 8: bufferSize 4 and a body of 10 bytes: chunked, one chunk A.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeHTTPRequest().replaceMessage(new Message('0123456789')).encodeHTTPResponse({ bufferSize: 4 })
