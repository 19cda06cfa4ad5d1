// globals.md 1: repeat calls fn until it returns anything but undefined.
pipy()
  .task()
  .onStart(() => {
    println(repeat(5, i => i === 3 ? 'three' : undefined))
    println(repeat(['a', 'b'], (v, i) => v === 'b' ? v + i : undefined))
    println(repeat(i => i > 9 ? i : undefined))
    return new StreamEnd
  })
