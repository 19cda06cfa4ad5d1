// filters.md 2: each Data, flushes included (fn sees them with size 0).
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new Data, e])
  .replaceData(d => new Data('[' + d.size + d + ']'))
