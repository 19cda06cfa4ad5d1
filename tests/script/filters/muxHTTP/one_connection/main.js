// http.md 5: muxHTTP keeps an idle session for maxIdle seconds: the next stream with the same key uses the connection again.
pipy({ _g: { connections: 0 } })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to(
    $ => $.muxHTTP(() => 'peer').to($ => $.connect('127.0.0.1:' + os.env.CASE_PORT2))
  )
  .decodeHTTPResponse()
  .replaceMessage(msg => new Data(msg.body + '\n'))
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .onStart(() => { _g.connections++ })
  .serveHTTP(msg => new Message({ status: 200 }, msg.head.path + ' ' + _g.connections))
