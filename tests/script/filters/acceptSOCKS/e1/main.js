// filters.md 6 and 11: proxySOCKS('name', (host, port, user) => bool) of E1, told apart by the function's arity.
pipy({ _target: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .proxySOCKS('tunnel', (host, port, user) => (_target = host + ':' + port, true))
  .pipeline('tunnel')
  .replaceStreamStart(e => [new Data(_target + ' '), e])
