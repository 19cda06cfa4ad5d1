// filters.md 8, RFC 2046 5.1.1: a body that ends before its last boundary is no multipart body: SE ProtocolError, and the part that was
// cut off does not end.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(data => [
    new MessageStart({ headers: { 'content-type': 'multipart/mixed; boundary=b' } }), data, new MessageEnd
  ])
  .decodeMultipart()
  .replaceMessageStart(() => new Data('['))
  .replaceMessageEnd(() => new Data(']'))
  .replaceStreamEnd(end => [new Data(end.error), new StreamEnd])
