// filters.md 8: demuxFastCGI. Not in this engine (usage.md: tier T3): a script that uses it is told so.
pipy().task().onStart(() => {
  println(invoke(() => pipeline($ => $.demuxFastCGI()), message => message))
  return new StreamEnd
})
