// filters.md 4: forkRace: child output is the filter's output: the first child which outputs anything wins.
pipy({ _delay: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .forkRace([5, 0.01, 5]).to(
    $ => $
      .onStart(delay => void (_delay = delay))
      .replaceData(d => new Timeout(_delay).wait().then(() => new Data(_delay + '<' + d + '>')))
      .replaceStreamEnd(e => [new Data('.'), e])
  )
