// globals.md 9: toHTTP: batches are sent as request bodies; the `host` header is added; answers are ignored.
((
  got = {},
  log = new logging.TextLogger('access').toHTTP(`http://127.0.0.1:${os.env.CASE_PORT2}/logs`, {
    headers: { 'x-token': 'secret' },
    batch: { size: 2, interval: 5, prefix: '<', postfix: '>' },
  }).log,
) => (
  got.promise = new Promise(resolve => { got.resolve = resolve }),
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT2)
    .demuxHTTP().to($ => $
      .replaceMessage(msg => (
        got.resolve([msg.head.method, msg.head.path, msg.head.headers['x-token'], msg.body].join(' ')),
        new Message({ status: 500 })
      ))
    )
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .replaceData(data => {
      log('first', data.toString())
      return got.promise.then(text => new Data(text))
    })
))()
