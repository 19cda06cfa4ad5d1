// Sessions as JSON web tokens with one shared secret.
var b64 = v => new Data(JSON.stringify(v)).toString('base64url').replaceAll('=', '')

export function issue(payload, secret) {
  var text = b64({ alg: 'HS256', typ: 'JWT' }) + '.' + b64(payload)
  var hmac = new crypto.Hmac('sha256', secret)
  hmac.update(text)
  return text + '.' + hmac.digest('base64url').replaceAll('=', '')
}

export function check(header, secret) {
  if (!header?.startsWith?.('Bearer ')) return null
  var jwt = new crypto.JWT(header.substring(7))
  if (!jwt.isValid || !jwt.verify(secret)) return null
  return jwt.payload.exp * 1000 > Date.now() ? jwt.payload : null
}
