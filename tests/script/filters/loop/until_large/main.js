// filters.md 3: child output is both output of the filter and fed again into the child as input (in the next turn).
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd()
  .loop(
    $ => $.replaceData(d => d.size < 8 ? new Data(d + '' + d) : new StreamEnd)
  )
