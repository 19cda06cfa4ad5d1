// filters.md 8: what was decoded is encoded again; RFC 6455 5.7: "Hello", unmasked.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeWebSocket()
  .replaceMessageStart(start => new MessageStart({ opcode: start.head.opcode }))
  .encodeWebSocket()
