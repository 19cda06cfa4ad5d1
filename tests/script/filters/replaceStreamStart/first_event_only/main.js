// filters.md 2: the first event only; later ones pass.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [d, d])
  .replaceStreamStart(e => new Data('first'))
