// filters.md 2: replace(fn) replaces each event; a nullish result drops it.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replace(e => e.type === 'Data' ? null : [new Data(e.type), e])
