// globals.md 6: consume(n) → amount really taken; produce(n) adds, up to `max`; reset() back to initial; after `per` adds
// `produce`, never above `initial`; `key`: one counter under that name. model.md 4, item 17: methods stay bound.
((
  quota = new algo.Quota(5, { max: 8 }),
  { consume } = quota,
  one = new algo.Quota(3, { key: 'k' }),
  other = new algo.Quota(3, { key: 'k' }),
  timed = new algo.Quota(2, { per: 0.1, produce: 1 }),
) =>
  pipy()
    .task()
    .onStart(() => (
      println(quota.initial, quota.consume(3), quota.current, quota.consume(4), quota.current),
      println((quota.produce(20), quota.current), consume(1), (quota.reset(), quota.current)),
      println(one.consume(2), other.current, other.consume(5)),
      println(timed.consume(2), timed.current),
      new Timeout(0.15).wait().then(() => (
        println(timed.current),
        new Timeout(0.3).wait()
      )).then(() => (
        println(timed.current),
        pipy.exit(),
        new StreamEnd
      ))
    ))
)()
