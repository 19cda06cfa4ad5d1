// filters.md 3: or when at least `interval` seconds have passed since the previous output (so the very first message goes
// out at once); also when no message came for `timeout` seconds.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd(e => new Timeout(0.3).wait().then(() => e))
  .split('\n')
  .pack(10, { timeout: 0.05, separator: ',' })
  .replaceMessage(msg => new Data('[' + msg.body + ']'))
  .replaceStreamEnd(e => [new Data('.'), e])
