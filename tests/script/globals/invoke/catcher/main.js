// globals.md 1: invoke: catcher a function: its result with the error message as argument; else catcher itself.
pipy()
  .task()
  .onStart(() => {
    println(invoke(() => 1, 2))
    println(invoke(() => { throw new Error('no') }, message => message + '!'))
    println(invoke(() => { throw new Error('no') }, 'value'))
    return new StreamEnd
  })
