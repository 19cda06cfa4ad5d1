// filters.md 6: fn({ serverNames, protocolNames }) is called once, before the bytes that complete the hello are passed.
pipy({ _hello: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleTLSClientHello(hello => _hello = hello)
  .branch(
    () => _hello, $ => $.replaceData(data => new Data(
      `${_hello.serverNames} ${_hello.protocolNames} ${data.size}`
    ))
  )
