pipy()

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .link(
    'hello', () => __serviceID === 'hello',
    'bypass'
  )

.pipeline('hello')
  .handleMessageStart(() => __turnDown = true)
  .replaceMessage(
    msg => new Message(`Hi, ${msg.head.path.split('/').pop()}!\n`)
  )

.pipeline('bypass')
