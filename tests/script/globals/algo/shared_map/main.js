// globals.md 6: SharedMap: one per process; add and sub are atomic and return the resulting number.
pipy()
  .task()
  .onStart(() => {
    const map = new algo.SharedMap('hits')
    println(map.add('a', 2), map.sub('a', 1), map.has('b'))
    map.set('b', 'text')
    println(new algo.SharedMap('hits').get('b'), map.size)
    println(map.delete('b'), map.get('b'))
    return new StreamEnd
  })
