pipy()
.import({ __route: 'main' })
.pipeline()
.branch(
  () => __route.service === 'hello', $=>$.replaceMessage(msg => new Message(`Hello from ${__filename}, ${msg.head.method}!`)),
  $=>$.chain()
)
