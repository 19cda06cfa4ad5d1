((
  config = JSON.decode(pipy.load('config/cache.json')),
) => pipy({
  _cache: {},
  _cached: null,
  _key: '',
  _useCache: false,
})

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .handleMessageStart(
    msg => (
      _useCache = config.services.indexOf(__serviceID) >= 0,
      _key = msg.head.headers.host + msg.head.path,
      _useCache && (
        _cached = _cache[_key],
        _cached && _cached.time < Date.now() - config.timeout * 1000 && (
          _cached = _cache[_key] = null
        ),
        __turnDown = Boolean(_cached)
      )
    )
  )
  .link(
    'hit', () => Boolean(_cached),
    ''
  )

.pipeline('hit')
  .replaceMessage(() => _cached.message)

.pipeline('response')
  .handleMessage(
    msg => (
      _useCache && !_cached && (msg.head.status || 200) < 400 && (
        _cache[_key] = {
          time: Date.now(),
          message: new Message({ ...msg.head, headers: { ...msg.head.headers, 'x-cache': 'hit' } }, msg.body),
        }
      )
    )
  )

)()
