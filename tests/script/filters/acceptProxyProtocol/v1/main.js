// filters.md 6: acceptProxyProtocol reads a header and calls fn; truthy: the rest flows through the child, falsy: SE.
pipy({ _from: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .acceptProxyProtocol(
    ({ sourceAddress, sourcePort }) => (_from = sourceAddress + ':' + sourcePort, sourceAddress !== '10.9.9.9')
  ).to(
    $ => $.replaceStreamStart(e => [new Data(_from + ' says '), e])
  )
