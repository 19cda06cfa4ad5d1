// filters.md 8: compressHTTP sets `content-encoding` (unless already present: passes).
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to(
    $ => $
      .replaceMessage(req => new Message({ headers: req.head.path == '/a' ? {} : { 'content-encoding': 'x' } }, 'hello'))
      .compressHTTP(() => 'gzip')
      .replaceMessage(msg => new Message(
        { headers: { 'x-coding': msg.head.headers['content-encoding'] } }, '' + msg.body.toArray()[0]
      ))
  )
