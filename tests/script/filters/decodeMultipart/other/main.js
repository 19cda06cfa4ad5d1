// filters.md 8: input is a message with content-type multipart; 0.3: other events pass unchanged.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(data => [
    data, new Message({ headers: { 'content-type': 'text/plain; boundary=b' } }, '--b--'), new Message('--b--')
  ])
  .decodeMultipart()
  .replaceMessageStart(() => new Data('['))
  .replaceMessageEnd(() => new Data(']'))
