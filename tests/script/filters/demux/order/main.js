// filters.md 5: each input message starts a new child; child output is re-ordered to request order.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(() => ['slow', 'fast'].map(body => new Message({ body }, body)))
  .demux().to(
    $ => $.replaceMessage(msg => msg.head.body === 'slow'
      ? new Timeout(0.05).wait().then(() => new Message('slow '))
      : new Message('fast '))
  )
