// globals.md 12: STUN. Not in this engine (usage.md: tier T3): a script that calls it is told so.
pipy().task().onStart(() => {
  println(invoke(() => STUN.decode(new Data), message => message))
  println(invoke(() => STUN.encode({}), message => message))
  return new StreamEnd
})
