// filters.md 8: head { type, qos, dup, retain, packetIdentifier, protocolLevel, keepAlive, topicName }; payloads of CONNECT,
// SUBSCRIBE and UNSUBSCRIBE; the body of a PUBLISH. Bytes: the figures of section 3 of MQTT 3.1.1.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeMQTT()
  .replaceMessage(({ head, body, payload }) => {
    if (payload?.will) payload.will.payload = payload.will.payload.toString()
    return new Data(JSON.stringify([head, payload]) + body.toString() + '\n')
  })
