// filters.md 9: tee: maxFileSize, maxFileCount: rotation renames to `<timestamp>-<name>`.
((dir = '/tmp/ballast-tee-dir-' + os.env.CASE_PORT) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .handleStreamStart(() => { os.mkdir(dir) })
    .split('\n')
    .replaceMessage(msg => msg.body)
    .tee(() => dir + '/log', { maxFileSize: 4, maxFileCount: 2 })
    .replaceStreamEnd(e => [
      new Data(' ' + os.list(dir).sort().map(name => name.replace(new RegExp('^[0-9]+'), '0') + ':' + os.read(dir + '/' + name)).join()),
      e,
    ])
    .handleStreamEnd(() => { os.rm(dir, { recursive: true }) })
)()
