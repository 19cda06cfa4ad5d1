// filters.md 1: handleData is called at each Data, flushes (size 0) included; observers never alter the stream.
pipy({ _sizes: [] })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [new Data, d])
  .handleData(d => { _sizes.push(d.size) })
  .replaceStreamEnd(e => [new Data(_sizes.join()), e])
