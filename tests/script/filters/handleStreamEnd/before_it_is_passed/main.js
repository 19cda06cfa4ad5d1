// filters.md 1: handleStreamEnd is called at SE, before it is passed.
pipy({ _error: 'none' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd(new StreamEnd('ReadError'))
  .handleStreamEnd(e => _error = e.error)
  .replaceStreamEnd(() => [new Data(_error), new StreamEnd])
