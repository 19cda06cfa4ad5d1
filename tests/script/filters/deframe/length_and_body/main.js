// filters.md 8: fn gets the byte (number) that was read, or the buffer that was requested, and yields the next state: a
// name, or an array [event..., stateName, size?, buffer?].
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .deframe({
    Kind: byte => byte === 33 ? ['Length', 2, new Data] : 'Kind',
    Length: buffer => [new MessageStart, 'Body', Number.parseInt(buffer.toString())],
    Body: () => [new MessageEnd, 'Kind'],
  })
  .replaceMessage(msg => new Data('<' + msg.body + '>'))
