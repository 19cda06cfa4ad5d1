// filters.md 8: each part as a message with head.headers (lower-case names, content-disposition etc. parsed), all between the outer
// MessageStart and MessageEnd. The body: RFC 7578 section 4.3, two files under one name.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $
    .decodeMultipart()
    .replaceMessageStart(({ head }) => new Data(head.method ? '(' : '[' + show(head.headers)))
    .replaceMessageEnd(({ tail }) => new Data(tail ? ')' : ']\n'))
    .replaceStreamStart(evt => [new MessageStart, evt])
    .replaceData(data => data.toString().endsWith(')') ? [data, new MessageEnd] : data)
  )

function show(headers) {
  var field = headers['content-disposition']
  return JSON.stringify([field.value, field.name, field.filename, '' + headers['content-type'], headers['x-a']]) + ' '
}
