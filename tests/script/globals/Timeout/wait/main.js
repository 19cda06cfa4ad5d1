// globals.md 11: wait() is resolved with the Timeout when due, at once if already due; cancel(): waits reject with it; a pending Timeout keeps the process alive.
pipy()
  .task()
  .onStart(() => {
    const due = new Timeout(0.05)
    const cancelled = new Timeout(60)
    due.wait()
      .then(t => println('due', t === due))
      .then(() => due.wait())
      .then(() => println('due already'))
      .then(() => (cancelled.cancel(), cancelled.wait()))
      .catch(t => println('cancelled', t === cancelled))
      .then(() => (cancelled.restart(0.01), cancelled.wait()))
      .then(() => println('restarted'))
    return new StreamEnd
  })
