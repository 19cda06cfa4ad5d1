// globals.md 1: branch(cond, value, ..., default?): conditions and values may be functions or constants.
pipy()
  .task()
  .onStart(() => {
    println(branch(false, 'a', () => true, () => 'b', 'c'))
    println(branch(false, 'a', 'c'))
    println(branch(false, 'a'))
    return new StreamEnd
  })
