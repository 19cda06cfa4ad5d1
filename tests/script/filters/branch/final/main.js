// filters.md 4: conditions are evaluated in order at each event until one is truthy; while none matches all events including SE are held; the choice is final.
pipy({ _word: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleStreamEnd(() => _word = _word || 'late')
  .handleData(d => _word = d.size > 1 ? null : d.toString())
  .branch(
    () => _word === 'a', $ => $.replaceData(() => new Data('is a')),
    () => _word === 'b', 'b',
    () => _word === 'late', $ => $.replaceData(d => new Data('late ' + d)).replaceStreamEnd(e => [new Data('.'), e])
  )
  .pipeline('b').replaceData(() => new Data('is b'))
