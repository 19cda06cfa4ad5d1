// model.md 1.5.2: the stream passes the down pipelines in order, then goes back through the up pipelines in reverse; modules lacking one are skipped.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .use(['a.js', 'b.js', 'c.js'], 'down', 'up')
  .use('c.js')
