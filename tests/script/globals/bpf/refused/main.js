// globals.md 12: bpf. Not in this engine (usage.md: tier T3): a script that calls it is told so.
pipy().task().onStart(() => {
  println(invoke(() => bpf.object(new Data), message => message))
  println(invoke(() => new bpf.Map(), message => message))
  return new StreamEnd
})
