((
  config = pipy.solve('config.js'),
) => pipy()

.import({
  __consumer: 'main',
})

.pipeline()
.handleMessageStart(
  msg => (
    __consumer = config.byKey[msg.head.headers['x-api-key']] || null
  )
)
.chain()

)()
