// globals.md 8: http.Match: `{x}` is one segment, a final `*` the rest; query ignored; any case of the fixed segments.
pipy()
  .task()
  .onStart(() => {
    const match = new http.Match('/users/{id}/files/*')
    println(match('/users/7/files/a/b.txt?download'))
    println(match({ method: 'GET', path: '/USERS/7/Files/x' }))
    println(match('/users/7'))
    return new StreamEnd
  })
