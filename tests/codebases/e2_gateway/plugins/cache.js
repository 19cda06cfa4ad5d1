((
  caches = new algo.Cache(
    ({ cache }) => new algo.Cache({ size: 100, ttl: cache })
  ),
) => pipy({
  _cache: null,
  _key: '',
  _hit: null,
})

.import({ __route: 'main' })

.pipeline()
.handleMessageStart(
  ({ head: { method, path } }) => (
    __route.cache && method === 'GET' && (
      _cache = caches.get(__route),
      _key = path,
      _hit = _cache.get(_key)
    )
  )
)
.branch(
  () => _hit, (
    $=>$.replaceMessage(() => _hit)
  ),
  () => _cache, (
    $=>$
    .chain()
    .handleMessage(
      msg => msg.head.status < 300 && (
        _cache.set(_key, new Message({ ...msg.head, headers: { ...msg.head.headers, 'x-cache': 'HIT' } }, msg.body))
      )
    )
  ), (
    $=>$.chain()
  )
)

)()
