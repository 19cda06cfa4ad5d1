// globals.md 1: select(key, case, value, ..., default?): compares with == against each case.
pipy()
  .task()
  .onStart(() => {
    println(select('2', 1, 'a', 2, 'b', 'c'))
    println(select(9, 1, 'a', 'c'))
    return new StreamEnd
  })
