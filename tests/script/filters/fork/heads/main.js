// usage.md 6.5: a fork must not alter the main stream: what it does to a head is seen by itself alone.
pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $
  .demuxHTTP().to($ => $
    .fork(['a', 'b']).to($ => $
      .handleMessageStart(({ head }) => {
        head.path += 'changed'
        head.headers['x-copy'] = (head.headers['x-copy'] || '') + 'yes'
      })
    )
    .handleMessageStart(({ head }) => { head.headers['x-late'] = '1' })
    .fork(['c']).to($ => $.handleMessageStart(({ head }) => { delete head.headers['x-late'] }))
    .replaceMessage(({ head }) => new Message([head.path, head.headers['x-copy'], head.headers['x-late']].join()))
  )
)
