// filters.md 8: encodeRESP writes payloads: string, number, Error, Data, array, null.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(() => [
    'text', 7, new Error('bad'), new Data('bytes'), [1, ['two']], null,
  ].map(payload => new Message(null, null, null, payload)))
  .encodeRESP()
