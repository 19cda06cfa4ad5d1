// filters.md 9: exec: input SE sends SIGTERM.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd(e => new Timeout(0.2).wait().then(() => e))
  .exec('sh -c "trap \\"echo term; exit\\" TERM; while true; do sleep 0.05; done"')
