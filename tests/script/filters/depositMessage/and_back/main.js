// filters.md 9: depositMessage: the first `threshold` bytes of a message body pass; the rest is written to that OS file. At
// ME the file is streamed back downstream, followed by ME; then the file is deleted unless `keep`.
((path = '/tmp/ballast-deposit-' + os.env.CASE_PORT) =>
  pipy({ _there: [] })
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .split('\n')
    .handleMessageEnd(() => { _there.push(os.stat(path) !== null) })
    .depositMessage(path, { threshold: 3 })
    .replaceData(data => new Data(data + ','))
    .replaceMessage(msg => new Data('<' + msg.body + '>'))
    .replaceStreamEnd(e => [new Data(' ' + (os.stat(path) === null)), e])
)()
