// globals.md 12: BGP. Not in this engine (usage.md: tier T3): a script that calls it is told so.
pipy().task().onStart(() => {
  println(invoke(() => BGP.decode(new Data), message => message))
  println(invoke(() => BGP.encode({}), message => message))
  return new StreamEnd
})
