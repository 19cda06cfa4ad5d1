// filters.md 3: takes 1 at the first event of the stream, returns it when the pipeline ends.
((quota = new algo.Quota(1)) =>
  pipy({ _g: { now: 0, max: 0, done: 0 } })
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .fork([1, 2, 3]).to(
      $ => $
        .throttleConcurrency(quota, { blockInput: false })
        .handleStreamStart(() => { _g.now++; _g.max = Math.max(_g.max, _g.now) })
        .wait(() => new Timeout(0.02).wait())
        .handleStreamEnd(() => { _g.now--; _g.done++ })
    )
    .wait(() => _g.done === 3)
    .replaceData(() => new Data(_g.max + ' at a time'))
)()
