// globals.md 5: members of URL; default ports are not filled in; URL.encode as JS encodeURI.
pipy()
  .task()
  .onStart(() => {
    const u = new URL('http://me:pw@example.com:8080/a/b?x=1&y=2#top')
    println(u.protocol, u.auth, u.host, u.hostname, u.port, u.origin)
    println(u.path, u.pathname, u.search, u.query, u.hash)
    println(u.searchParams.get('y'))
    println('[' + new URL('https://example.com').port + ']')
    println(new URL('../c', 'http://h/a/b/x').href)
    println(URL.encode('a b'), URL.encodeComponent('a/b'), URL.decode('%41'))
    return new StreamEnd
  })
