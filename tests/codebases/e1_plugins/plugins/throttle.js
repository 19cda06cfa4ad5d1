((
  config = JSON.decode(pipy.load('config/throttle.json')),
  services = config.services,
  rateLimits = Object.fromEntries(
    Object.entries(services).map(([k, v]) => [k, v.rateLimit])
  ),
) => pipy()

.import({
  __serviceID: 'router',
})

.pipeline('request')
  .link(
    'throttle', () => __serviceID in rateLimits,
    'bypass'
  )

.pipeline('throttle')
  .throttleMessageRate(
    () => rateLimits[__serviceID],
    () => __serviceID,
  )

.pipeline('bypass')

)()
