// http.md 8: two pipelined requests, the second HTTP/1.0: two responses in order, the second with connection: close.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $.replaceMessage(req => new Message(req.head.path)))
