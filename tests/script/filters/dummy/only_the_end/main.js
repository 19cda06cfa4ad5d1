// filters.md 3: dummy swallows everything but SE.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .dummy()
  .replaceStreamEnd(e => [new Data('end'), e])
