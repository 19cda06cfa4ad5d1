// globals.md 1: console.log and its kin write log lines, which cli.md 2 sends to standard error; println writes to standard output.
pipy().task().onStart(() => {
  console.log('a line of the log', { of: 'level info' })
  console.error('another')
  println('to standard output')
  return new StreamEnd
})
