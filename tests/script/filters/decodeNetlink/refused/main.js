// filters.md 8: decodeNetlink. Not in this engine (usage.md: tier T3): a script that uses it is told so.
pipy().task().onStart(() => {
  println(invoke(() => pipeline($ => $.decodeNetlink()), message => message))
  return new StreamEnd
})
