// filters.md 2: replaceStreamEnd replaces the SE.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd(e => [new Data('bye'), e])
