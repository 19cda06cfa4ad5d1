// filters.md 9: exec: array as is; env (object, non-empty) replaces the environment; stderr: true merges it into the output;
// when the process has exited and its output is drained: SE.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd()
  .exec(() => ['/bin/sh', '-c', 'echo $A $CASE_PORT; echo b >&2'], { env: { A: 'a' }, stderr: true })
