((
  config = pipy.solve('config.js'),
  router = new algo.URLRouter(config.routes),
  authorized = new algo.Cache(
    consumer => new Set(['/api/v1/users', '/api/v1/orders'])
  ),
) => pipy()

.import({
  __route: 'main',
  __consumer: 'main',
})

.pipeline()
.handleMessageStart(
  msg => (
    __route = router.find(msg.head.headers.host, msg.head.path)
  )
)
.branch(
  () => __route?.auth && !__consumer, (
    $=>$.replaceMessage(
      () => new Message({ status: 401, headers: { 'www-authenticate': 'Key' } }, 'Unauthorized')
    )
  ),
  () => Boolean(__route), (
    $=>$.chain()
  ), (
    $=>$.replaceMessage(
      new Message({ status: 404 }, 'Not found')
    )
  )
)

)()
