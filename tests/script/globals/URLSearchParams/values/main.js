// globals.md 5: get is the first value or null; toObject: repeated names as arrays; `+` is not decoded to a blank.
pipy()
  .task()
  .onStart(() => {
    const p = new URLSearchParams('a=1&b=x+y&a=2')
    println(p.get('a'), p.get('b'), p.get('c'), p.getAll('a').join())
    println(JSON.stringify(p.toObject()))
    p.set('a', '9')
    println(p.toString())
    println(new URLSearchParams({ q: 'a b' }).toString())
    return new StreamEnd
  })
