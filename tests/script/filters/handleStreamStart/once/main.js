// filters.md 1: handleStreamStart is called once, at the first event of the stream, before it is passed.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [d, d])
  .handleStreamStart(e => _n = _n + 1)
  .replaceData(d => new Data(_n + '' + d))
