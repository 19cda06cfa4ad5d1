// filters.md 8: decodeRESP and encodeRESP: the payload of a message's end is the value: string, number, Error, Data, array, null.
pipy({ _store: {} })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeRESP()
  .replaceMessage(msg => {
    var [command, key, value] = msg.payload.map(part => part.toString())
    return new Message(null, null, null,
      command === 'SET' ? (_store[key] = new Data(value), 'OK') :
      command === 'GET' ? (_store[key] ?? null) :
      command === 'STRLEN' ? _store[key].size :
      command === 'KEYS' ? Object.keys(_store) :
      new Error('ERR unknown command')
    )
  })
  .encodeRESP()
