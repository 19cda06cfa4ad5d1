// filters.md 8: what was decoded is sent again byte by byte, whichever protocol it was in.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeThrift()
  .encodeThrift()
