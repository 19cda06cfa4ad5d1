// globals.md 7: subject, issuer (objects of name parts), subjectAltNames (array), notBefore, notAfter (ms), toPEM(); bad PEM throws.
pipy()
  .task()
  .onStart(() => {
    const c = new crypto.Certificate(pipy.load('server.crt'))
    println(c.subject.CN, c.issuer.O, c.subjectAltNames.join())
    println((c.notAfter - c.notBefore) / 86400000)
    println(c.toPEM().toString() == pipy.load('server.crt').toString())
    println(invoke(() => new crypto.PrivateKey('nothing'), () => 'bad key'))
    println(new crypto.PrivateKey(pipy.load('server.key')).toPEM().size > 100)
    return new StreamEnd
  })
