// filters.md 8: version 5, learned from CONNECT: what decodeMQTT gives, encodeMQTT sends as it came.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeMQTT()
  .replaceMessage(msg => new Message({ ...msg.head }, msg.body, null, msg.payload))
  .encodeMQTT()
