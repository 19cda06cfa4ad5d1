// filters.md 4: forkJoin is as fork, but input is held; when all children have output SE the held input is passed on.
pipy({ _g: { seen: '' }, _name: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .forkJoin(['a', 'b']).to(
    $ => $
      .onStart((name, i) => void (_name = name + i))
      .replaceData(d => new Timeout(_name == 'a0' ? 0.05 : 0.01).wait().then(() => (_g.seen += _name, d)))
  )
  .replaceData(d => new Data(_g.seen + '<' + d + '>'))
