// globals.md 6: URLRouter: most specific host, then longest path wins; host port and query ignored.
pipy()
  .task()
  .onStart(() => {
    const router = new algo.URLRouter({
      '/api/*': 'any',
      'a.example.com/api/*': 'own',
      '*.example.com/api/v1/*': 'suffix',
      '*.example.com/*': 'rest',
    })
    println(router.find('b.example.com:8080', '/api/v1/x?y=1'), router.find('b.example.com', '/api'))
    println(router.find('a.example.com', '/api/v1'), router.find('other.org/api'), router.find('other.org', '/'))
    const percentile = new algo.Percentile([10, 20, Infinity])
    percentile.observe(5)
    percentile.observe(15)
    println(percentile.calculate(50), percentile.calculate(75))
    return new StreamEnd
  })
