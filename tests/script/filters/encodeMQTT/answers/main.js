// filters.md 8: encodeMQTT: protocolLevel of the head, default 4; SUBACK's payload: reason codes. Bytes: figures 3.8, 3.26.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(() => [
    new Message({ type: 'CONNACK', sessionPresent: true, reasonCode: 0 }),
    new Message({ type: 'SUBACK', packetIdentifier: 10 }, null, null, [0, 2, 128]),
    new Message({ type: 'CONNACK', protocolLevel: 5, reasonCode: 135, properties: { receiveMaximum: 10 } }),
    new Message({ type: 'PUBLISH', topicName: 'a/b', qos: 1, packetIdentifier: 10 }, 'hi'),
  ])
  .encodeMQTT()
