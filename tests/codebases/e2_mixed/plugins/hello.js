pipy()
.import({ __params: 'mixed', __user: 'mixed' })
.pipeline()
.replaceMessage(
  () => new Message({ headers: {} }, new Array(Number.parseInt(__params.repeat)).fill(`${__params.greeting}, ${__user}!`).join(' '))
)
