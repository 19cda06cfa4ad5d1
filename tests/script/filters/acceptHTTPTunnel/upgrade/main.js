// http.md 3: the string value of connection replaces the default, also that of a response that switches protocols.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $
    .acceptHTTPTunnel(
      () => new Message({ status: 101, headers: { upgrade: 'websocket', connection: 'Upgrade' } })
    ).to($ => $.replaceData(data => new Data(data.size ? '<' + data + '>' : '')))
  )
