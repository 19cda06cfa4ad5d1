// filters.md 3: produce calls fn repeatedly, outputs each result, until a SE was output; all input is swallowed.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .produce(() => _n < 3 ? new Data('' + _n++) : new StreamEnd)
