// filters.md 6, sidecar idiom: detectProtocol calls fn before it passes the deciding event; the branch held what came before.
pipy({ _protocol: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .detectProtocol(protocol => _protocol = protocol)
  .branch(
    () => _protocol === 'HTTP', $ => $.demuxHTTP().to($ => $.replaceMessage(new Message('web'))),
    () => _protocol !== null, $ => $.replaceStreamStart(e => [new Data(`[${_protocol}]`), e])
  )
