// filters.md 8: decompressHTTP decodes gzip by content-encoding and removes the header.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $.decompressHTTP().replaceMessage(req => new Message(req.head.headers['content-encoding'] + ' ' + req.body)))
