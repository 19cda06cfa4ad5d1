// filters.md 8: fn() tells the method; model.md 1.2: filters below run before the next response is decoded.
pipy({ _methods: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleStreamStart(() => _methods = ['HEAD', 'GET'])
  .decodeHTTPResponse(() => ({ method: _methods[0] }))
  .replaceMessage(msg => new Data(_methods.shift() + ' ' + msg.body + ';'))
