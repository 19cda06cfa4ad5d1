// filters.md 3: takes as many units as bytes; splits Data and passes the part covered.
((quota = new algo.Quota(4, { per: 0.05 })) =>
  pipy({ _sizes: [] })
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .throttleDataRate(() => quota)
    .handleData(d => { _sizes.push(d.size) })
    .replaceStreamEnd(e => [new Data(' ' + _sizes.join()), e])
)()
