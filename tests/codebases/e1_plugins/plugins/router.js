((
  config = JSON.decode(pipy.load('config/router.json')),
  router = new algo.URLRouter(config),

) => pipy()

.export('router', {
  __serviceID: '',
})

.pipeline('request')
  .handleMessageStart(
    msg => (
      __serviceID = router.find(
        msg.head.headers.host,
        msg.head.path,
      )
    )
  )

)()
