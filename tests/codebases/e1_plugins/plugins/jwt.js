((
  config = JSON.decode(pipy.load('config/jwt.json')),
  keys = Object.fromEntries(
    Object.entries(config.keys).map(([k, v]) => [k, new Data(v, 'base64')])
  ),
) => pipy({
  _token: '',
  _jwt: null,
  _reason: '',
})

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .link(
    'verify', () => config.services.indexOf(__serviceID) >= 0,
    ''
  )

.pipeline('verify')
  .handleMessageStart(
    msg => (
      _token = msg.head.headers.authorization || '',
      _token.startsWith('Bearer ') && (_token = _token.substring(7)),
      _jwt = new crypto.JWT(_token),
      _reason = !_jwt.isValid ? 'Invalid token' :
        !keys[_jwt.header?.kid] ? 'Invalid key' :
        !_jwt.verify(keys[_jwt.header.kid]) ? 'Invalid signature' : '',
      __turnDown = _reason !== ''
    )
  )
  .link(
    'reject', () => Boolean(_reason),
    'pass'
  )

.pipeline('reject')
  .replaceMessage(
    () => new Message({ status: 401 }, _reason)
  )

.pipeline('pass')

)()
