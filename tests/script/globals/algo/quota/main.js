// globals.md 6: consume(n) → amount really taken; produce(n) adds, up to `max`; reset() back to initial; after `per` adds
// `produce`, never above `initial`; `key`: one counter under that name. model.md 4, item 17: methods stay bound.
((
  quota = new algo.Quota(5, { max: 8 }),
  { consume } = quota,
  one = new algo.Quota(3, { key: 'k' }),
  other = new algo.Quota(3, { key: 'k' }),
  timed = new algo.Quota(1000, { per: 0.05, produce: 1 }),
  full = new algo.Quota(2, { per: 0.05, produce: 5 }),
) =>
  pipy()
    .task()
    .onStart(() => (
      println(quota.initial, quota.consume(3), quota.current, quota.consume(4), quota.current),
      println((quota.produce(20), quota.current), consume(1), (quota.reset(), quota.current)),
      println(one.consume(2), other.current, other.consume(5)),
      println(timed.consume(1000), timed.current, full.consume(2)),
      new Timeout(0.2).wait().then(() => (
        println(timed.current > 0 && timed.current < 1000, full.current),
        pipy.exit(),
        new StreamEnd
      ))
    ))
)()
