// filters.md 5: many streams share a session pipeline; the session answers them in FIFO order, one message each.
pipy({ _g: { n: 0 }, _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(() => ['a', 'b', 'c'].map(body => new Message({ body }, body)))
  .demux().to(
    $ => $.mux(() => 'key').to(
      $ => $
        .onStart(key => void (_n = key + (_g.n = _g.n + 1)))
        .replaceMessage(msg => new Message('[' + _n + msg.body + ']'))
    )
  )
