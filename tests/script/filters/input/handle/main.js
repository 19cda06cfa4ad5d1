// filters.md 4: input(out => _o = out) with `to`: child gets the input; an Output handle is given to the callback.
pipy({ _out: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .input(out => _out = out).to(
    $ => $
      .replaceData(d => [new Data('<'), d, new Data('>')])
      .output(() => _out)
      .replaceData(d => new Data('not this'))
  )
