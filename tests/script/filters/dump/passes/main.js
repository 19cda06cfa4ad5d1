// filters.md 1: observers never alter the stream.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .dump('before')
  .dump(e => e.type)
  .dump()
