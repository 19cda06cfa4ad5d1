// globals.md 7: JWT: isValid (well formed), header, payload (objects), verify(key) → boolean; times are not checked. Token: RFC 7515 A.1.
pipy()
  .task()
  .onStart(() => {
    const token = new crypto.JWT('eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')
    const key = new crypto.JWK({ kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow' })
    println(token.isValid, token.header.alg, token.payload.iss, token.payload.exp)
    println(key.isValid, token.verify(key), token.verify('another secret'))
    println(new crypto.JWT('not.a.token').isValid, new crypto.JWK({}).isValid)
    return new StreamEnd
  })
