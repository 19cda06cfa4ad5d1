// filters.md 3: takes 1 from the Quota at each MS; when it has none, holds that and all later events until it refills.
((quota = new algo.Quota(1, { per: 0.1 })) =>
  pipy({ _start: 0 })
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .handleStreamStart(() => { _start = Date.now() })
    .split('\n')
    .throttleMessageRate(quota)
    .replaceMessage(msg => new Data(msg.body + ' '))
    .replaceStreamEnd(e => [new Data('' + (Date.now() - _start >= 190)), e])
)()
