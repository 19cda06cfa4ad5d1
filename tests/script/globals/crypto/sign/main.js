// globals.md 7: Sign, Verify: update(data); sign(privateKey, encoding?); verify(publicKey, signature, encoding?) → boolean. OpenSSL's names.
pipy()
  .task()
  .onStart(() => {
    const key = new crypto.PrivateKey({ type: 'rsa', bits: 2048 })
    const signer = new crypto.Sign('RSA-SHA256')
    signer.update('what is ')
    signer.update('signed')
    const signature = signer.sign(key, 'base64')
    println(typeof signature, new Data(signature, 'base64').size)
    const verify = text => {
      const v = new crypto.Verify('sha256')
      v.update(text)
      return v.verify(new crypto.PublicKey(key), signature, 'base64')
    }
    println(verify('what is signed'), verify('something else'))
    return new StreamEnd
  })
