// http.md 5: nullish is 200; the child starts and gets the bytes which follow.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $
    .acceptHTTPTunnel(() => undefined).to($ => $.replaceData(data => new Data(data.size ? '<' + data + '>' : '')))
  )
