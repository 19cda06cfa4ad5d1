// http.md 8: client headers pass muxHTTP in the same spelling; connection: keep-alive is appended.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:' + os.env.CASE_PORT2)))
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .demuxHTTP().to($ => $.replaceMessage(req => new Message(Object.values(req.head.headerNames).join())))
