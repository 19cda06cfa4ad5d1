// filters.md 8: opcode default 2; control frames are ordinary messages. RFC 6455 5.7: "Hello" in one frame.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(() => [new Message({ opcode: 1 }, 'Hello'), new Message('bin'), new Message({ opcode: 9 }), new StreamEnd])
  .encodeWebSocket()
