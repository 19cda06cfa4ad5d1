// filters.md 9: exec: stdout → Data output; stderr is collected for onExit(code, stderrData); the events it returns are
// output and no automatic SE follows.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceStreamEnd()
  .exec('sh -c "head -c 5; echo oops >&2; exit 3"', {
    onExit: (code, stderr) => [new Data(' ' + code + ' ' + stderr), new StreamEnd],
  })
