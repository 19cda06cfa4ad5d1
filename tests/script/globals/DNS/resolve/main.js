// globals.md 12: DNS.resolve(name) is a promise of an array of address strings, empty on failure; http.md 6: localhost without DNS.
pipy()
  .task()
  .onStart(() => {
    DNS.resolve('localhost')
      .then(all => println(all.join()))
      .then(() => DNS.resolve('10.1.2.3'))
      .then(all => println(all.join()))
      .then(() => DNS.resolve(''))
      .then(all => println(all.length))
      .then(() => pipy.exit(0))
  })
