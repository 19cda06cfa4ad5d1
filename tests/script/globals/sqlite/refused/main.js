// globals.md 12: sqlite. Not in this engine (usage.md: tier T3): a script that calls it is told so.
pipy().task().onStart(() => {
  println(invoke(() => sqlite('a.db'), message => message))
  return new StreamEnd
})
