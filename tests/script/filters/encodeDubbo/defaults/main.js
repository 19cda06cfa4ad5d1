// filters.md 8: encodeDubbo writes head and body; what the head leaves out: request 0, Hessian 2, status OK of a response.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(() => [
    new Message('x'),
    new Message({ requestID: 5, isRequest: true, isTwoWay: true, serializationType: 6 }, '{}'),
    new Message({ requestID: '18446744073709551615', isEvent: true, status: 100 }),
  ])
  .encodeDubbo()
