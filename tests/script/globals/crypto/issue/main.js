// globals.md 7: new Certificate({ subject, extensions, days = 365, timeOffset = 0, issuer, publicKey, privateKey }): privateKey signs; no issuer: self-signed.
pipy()
  .task()
  .onStart(() => {
    const authority = new crypto.PrivateKey({ type: 'rsa', bits: 2048 })
    const key = new crypto.PrivateKey({ type: 'rsa', bits: 2048 })
    const ca = new crypto.Certificate({
      subject: { O: 'Test', CN: 'ca' },
      extensions: { basicConstraints: 'CA:TRUE' },
      privateKey: authority,
      publicKey: new crypto.PublicKey(authority),
    })
    const cert = new crypto.Certificate({
      subject: { CN: 'server' },
      extensions: { subjectAltName: 'DNS:a.test, IP:127.0.0.1' },
      days: 10,
      issuer: ca,
      privateKey: authority,
      publicKey: new crypto.PublicKey(key),
    })
    println(ca.subject.CN, ca.issuer.CN, (ca.notAfter - ca.notBefore) / 86400000)
    println(cert.subject.CN, cert.issuer.O, cert.subjectAltNames.join(), (cert.notAfter - cert.notBefore) / 86400000)
    println(new crypto.Certificate(cert.toPEM()).toPEM().toString() == cert.toPEM().toString())
    return new StreamEnd
  })
