// model.md 1.4: demuxHTTP gives each request a sub-pipeline with a copy of the context; variables never leak back.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to(
    $ => $.replaceMessage(msg => (_n = _n + 1, new Message({ status: 200 }, msg.head.path + ' ' + _n)))
  )
  .decodeHTTPResponse()
  .replaceMessage(msg => new Data(msg.body + '\n'))
