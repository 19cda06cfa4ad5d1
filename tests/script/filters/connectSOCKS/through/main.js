// filters.md 6: connectSOCKS asks a SOCKS5 server for 'host:port'; a domain is sent as a domain; input is held until then.
pipy({ _host: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectSOCKS('some.where:80').to(
    $ => $.connect('127.0.0.1:' + os.env.CASE_PORT2)
  )
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .acceptSOCKS(({ domain, port }) => (_host = domain + ' ' + port, true)).to(
    $ => $.replaceStreamStart(e => [new Data(_host + ' got '), e])
  )
