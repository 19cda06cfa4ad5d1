// filters.md 11: connectHTTPTunnel('name', target) and acceptHTTPTunnel('name', fn) of E1; 'host:port' is a CONNECT.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectHTTPTunnel('proxy', 'echo:7')

  .pipeline('proxy')
  .muxHTTP('upstream')

  .pipeline('upstream')
  .connect('127.0.0.1:' + os.env.CASE_PORT2)

  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .demuxHTTP('requests')

  .pipeline('requests')
  .acceptHTTPTunnel('echo', req => new Message({ status: req.head.path === 'echo:7' ? 200 : 403 }))

  .pipeline('echo')
