((
  config = JSON.decode(pipy.load('/config.json')),

) => pipy({
  _config: config,
})

.pipeline('check')
  .replaceMessage(
    () => new Message({
      method: 'GET',
      path: _config.service.health,
      headers: { host: _config.service.target },
    })
  )
  .encodeHttpRequest()
  .connect(() => _config.service.target)
  .decodeHttpResponse()

)()
