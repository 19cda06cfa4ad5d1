// filters.md 9: exec: pty runs it on a pseudo terminal.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .onStart(() => new Data)
  .replaceStreamEnd()
  .exec(['/bin/sh', '-c', 'test -t 0 && test -t 1 && (: > /dev/tty) && echo yes'], { pty: true })
