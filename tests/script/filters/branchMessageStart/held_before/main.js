// filters.md 4: decided at MS with it as argument; events before are held.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [new Data('0'), new MessageStart({ to: 'b' }), d])
  .branchMessageStart(
    ms => ms.head.to === 'a', $ => $.replaceData(d => new Data('a' + d)),
    ms => ms.head.to === 'b', $ => $.replaceData(d => new Data('b' + d))
  )
