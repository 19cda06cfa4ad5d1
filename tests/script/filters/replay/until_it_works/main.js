// filters.md 3: a child that outputs SE with error Replay is replaced by a new one and all kept events are fed again.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replay({ delay: 0.01 }).to(
    $ => $
      .handleStreamStart(() => _n = _n + 1)
      .replaceData(d => _n < 3 ? new StreamEnd('Replay') : new Data(d + '' + _n))
  )
