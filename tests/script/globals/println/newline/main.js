// globals.md 1: println adds a newline.
pipy()
  .task()
  .onStart(() => {
    println('a', [1, 'b'])
    println()
    return new StreamEnd
  })
