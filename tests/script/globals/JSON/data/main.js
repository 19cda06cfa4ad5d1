// globals.md 2: JSON.decode(data), JSON.encode(value); JSON.decode(null) is null; text that is not JSON throws.
pipy()
  .task()
  .onStart(() => {
    println(JSON.decode(new Data('{"a":[1,2]}')).a[1])
    println(JSON.encode({ a: [1, undefined], b: undefined }).toString())
    println(JSON.decode(null) === null)
    println(invoke(() => JSON.decode(new Data('<html>')), 'threw'))
    println(JSON.stringify({ a: 1, b: 2 }, (key, value, object) => key === 'a' ? object.b : value))
    return new StreamEnd
  })
