// filters.md 11: throttleMessageRate(quota, account): quota: number per second; account: key of a bucket.
pipy({ _start: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleStreamStart(() => { _start = Date.now() })
  .split('\n')
  .throttleMessageRate(2, () => 'account')
  .replaceMessage(msg => new Data(msg.body + ' '))
  .replaceStreamEnd(e => [new Data('' + (Date.now() - _start >= 900)), e])
