// filters.md 9: tee passes all; Data are appended to the OS file.
((path = '/tmp/ballast-tee-' + os.env.CASE_PORT) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .tee(() => path)
    .replaceStreamEnd(e => [new Data(' ' + os.read(path)), e])
    .handleStreamEnd(() => { os.unlink(path) })
)()
