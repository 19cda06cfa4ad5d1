// filters.md 9: read: at first event starts to stream an OS file as Data, then SE; { seek = 0, size = -1 }.
((path = '/tmp/ballast-read-' + os.env.CASE_PORT) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .replaceStreamStart(e => (os.write(path, '0123456789'), e))
    .read(() => path, { seek: 3, size: 4 })
    .handleStreamEnd(() => { os.unlink(path) })
)()
