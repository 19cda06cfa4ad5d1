// globals.md 6: Cache.get gives the existing value or alloc(key); beyond size the least recently used is freed.
pipy()
  .task()
  .onStart(() => {
    const cache = new algo.Cache(
      key => key.toUpperCase(),
      (key, value) => println('freed', key, value),
      { size: 2, ttl: '1m' },
    )
    println(cache.get('a'), cache.get('b'), cache.get('a'))
    cache.set('c', 'x')
    println(cache.has('a'), cache.has('b'), cache.find('c'))
    println(cache.remove('a'), cache.remove('a'))
    return new StreamEnd
  })
