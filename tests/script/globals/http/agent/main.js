// globals.md 8: http.Agent's request gives a promise of the response; the host header is set when absent.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $
    .replaceMessage(() => (
      new http.Agent('127.0.0.1:' + os.env.CASE_PORT2).request('GET', '/peer').then(
        answer => new Message({ status: answer.head.status }, answer.body)
      )
    ))
  )
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .serveHTTP(ask => new Message(ask.head.path + (ask.head.headers.host === '127.0.0.1:' + os.env.CASE_PORT2 ? ' with host' : '')))
