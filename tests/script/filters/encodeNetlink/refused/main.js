// filters.md 8: encodeNetlink. Not in this engine (usage.md: tier T3): a script that uses it is told so.
pipy().task().onStart(() => {
  println(invoke(() => pipeline($ => $.encodeNetlink()), message => message))
  return new StreamEnd
})
