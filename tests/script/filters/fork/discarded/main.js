// filters.md 4: a copy of every event goes to each child, then the event is passed on; child output is discarded.
pipy({ _g: { seen: '' }, _name: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .fork(['a', 'b']).to(
    $ => $
      .onStart((name, i) => void (_name = name + i))
      .handleData(d => _g.seen = _g.seen + _name + d.shift(1))
  )
  .replaceStreamEnd(e => [new Data(' ' + _g.seen), e])
