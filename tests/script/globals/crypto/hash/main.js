// globals.md 7: Hash, Hmac: digest(encoding?) is Data without encoding, else a string; the second is undefined. Digests: FIPS 180-4, RFC 2202 case 2.
pipy()
  .task()
  .onStart(() => {
    const h = new crypto.Hash('sha256')
    h.update('a')
    h.update('YmM=', 'base64')
    println(h.digest('hex'))
    println(h.digest('hex'))
    println(new crypto.Hash('sha1').update(new Data('abc')).digest().size)
    const { update, digest } = new crypto.Hmac('md5', 'Jefe')
    update('what do ya want for nothing?')
    println(digest('hex'))
    return new StreamEnd
  })
