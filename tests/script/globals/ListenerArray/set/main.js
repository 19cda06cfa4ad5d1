// globals.md 11: ListenerArray: given to classic `listen`; `add` opens a port while the script runs.
((
  ports = new ListenerArray(['127.0.0.1:' + os.env.CASE_PORT]),
) => pipy()
  .listen(ports)
  .onStart(inbound => {
    if (inbound.localPort == os.env.CASE_PORT) ports.add('127.0.0.1:' + os.env.CASE_PORT2)
  })
  .branch(
    () => __inbound.localPort == os.env.CASE_PORT, $ => $.connect('127.0.0.1:' + os.env.CASE_PORT2),
    $ => $.replaceData(data => new Data(`second port got ${data}`)),
  )
)()
