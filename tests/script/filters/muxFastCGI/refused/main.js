// filters.md 8: muxFastCGI. Not in this engine (usage.md: tier T3): a script that uses it is told so.
pipy().task().onStart(() => {
  println(invoke(() => pipeline($ => $.muxFastCGI()), message => message))
  return new StreamEnd
})
