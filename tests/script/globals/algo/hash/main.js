// globals.md 6: hash is a 32-bit integer, equal for equal values in one process; uuid is a random version 4.
pipy()
  .task()
  .onStart(() => {
    println(algo.hash('abc') === algo.hash('ab' + 'c'), algo.hash('abc') === algo.hash('abd'))
    println(algo.uuid().length, algo.uuid()[14], algo.uuid() === algo.uuid())
    return new StreamEnd
  })
