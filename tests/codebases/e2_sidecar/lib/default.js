pipy()
.pipeline()
.replaceMessage(
  new Message({ status: 404, headers: {} }, 'no route')
)
