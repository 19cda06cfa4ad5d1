// http.md 5: held Data flow as raw Data into the child when the response accepts; child output flows out.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectHTTPTunnel(new Message({ method: 'CONNECT', path: 'echo:7' }))
  .to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:' + os.env.CASE_PORT2)))

  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .demuxHTTP().to($ => $.acceptHTTPTunnel(req => new Message({ status: req.head.path === 'echo:7' ? 200 : 403 })).to($ => $))
