// filters.md 6: connectProxyProtocol writes a header made of that object before the first bytes; version 1 by default.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connectProxyProtocol(() => ({
    sourceAddress: __inbound.remoteAddress,
    targetAddress: __inbound.localAddress,
    sourcePort: 1234,
    targetPort: 80,
  })).to(
    $ => $.connect('127.0.0.1:' + os.env.CASE_PORT2)
  )
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
