// filters.md 8: decompress('inflate' | 'gzip' | 'brotli') per message; RFC 1952: the bytes come from another encoder (Python's gzip).
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamStart(e => [new MessageStart, e])
  .replaceStreamEnd(e => [new MessageEnd, e])
  .decompress('gzip')
