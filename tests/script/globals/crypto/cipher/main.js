// globals.md 7: Cipher, Decipher: update(data) → Data, final() → Data. First block: NIST SP 800-38A F.2.1 (CBC-AES128), F.5.1 (CTR-AES128).
pipy()
  .task()
  .onStart(() => {
    const key = new Data('2b7e151628aed2a6abf7158809cf4f3c', 'hex')
    const iv = new Data('000102030405060708090a0b0c0d0e0f', 'hex')
    const text = new Data('6bc1bee22e409f96e93d7e117393172a', 'hex')
    const c = new crypto.Cipher('aes-128-cbc', { key, iv })
    const first = c.update(text)
    const last = c.final()
    println(first.toString('hex'), last.size)
    const d = new crypto.Decipher('aes-128-cbc', { key, iv })
    println(new Data(d.update(first)).push(d.update(last)).push(d.final()).toString('hex'))
    const counter = new Data('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 'hex')
    println(new crypto.Cipher('aes-128-ctr', { key, iv: counter }).update(text).toString('hex'))
    return new StreamEnd
  })
