// filters.md 8: continuation frames are joined: one message per FIN; control frames are ordinary messages. RFC 6455 5.7.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeWebSocket()
  .replaceMessage(msg => new Data([msg.head.opcode, msg.head.masked, msg.body].join() + '\n'))
