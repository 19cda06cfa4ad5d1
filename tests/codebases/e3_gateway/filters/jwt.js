var encode = object => JSON.encode(object).toString('base64url')

var $ctx
var $claims

export function authenticate({ secret, forward = 'x-user' }) {
  function claimsOf(head) {
    var token = head.headers.authorization?.split?.('Bearer ')?.[1]
    if (!token) return null
    var jwt = new crypto.JWT(token)
    if (!jwt.isValid || !jwt.verify(secret)) return null
    return jwt.payload.exp > Date.now() / 1000 ? jwt.payload : null
  }

  return pipeline($ => $
    .onStart(ctx => { $ctx = ctx })
    .handleMessageStart(({ head }) => {
      $claims = claimsOf(head)
      if ($claims) head.headers[forward] = $claims.sub
    })
    .pipe(() => $claims ? 'ok' : 'denied', {
      ok: $ => $.pipeNext(),
      denied: $ => $.replaceMessage(new Message({ status: 401, headers: { 'www-authenticate': 'Bearer' } })),
    })
  )
}

export function issue({ secret, users, ttl = 60 }) {
  return pipeline($ => $
    .replaceMessage(req => {
      var { user, password } = JSON.decode(req.body) || {}
      if (!users[user] || users[user] !== password) return new Message({ status: 403 }, 'wrong password')
      var now = Math.floor(Date.now() / 1000)
      var signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: user, iat: now, exp: now + ttl })}`
      var mac = new crypto.Hmac('sha256', secret)
      mac.update(signed)
      return new Message(
        { headers: { 'content-type': 'application/json' } },
        JSON.encode({ token: `${signed}.${mac.digest('base64url')}` })
      )
    })
  )
}
