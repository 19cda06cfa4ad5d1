// filters.md 8: head { requestID, isRequest, isTwoWay, isEvent, serializationType, status }, body = payload; and encoded again.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeDubbo()
  .replaceMessage(({ head, body }) => new Message(
    { ...head, isRequest: false, isTwoWay: false, status: head.isEvent ? undefined : 70 },
    Hessian.encode([JSON.stringify(head), Hessian.decode(body)[0]])
  ))
  .encodeDubbo()
