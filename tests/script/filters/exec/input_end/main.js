// filters.md 9: exec: input SE sends SIGTERM.
pipy({ _ready: null, _isReady: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .onStart(() => (_isReady = new Promise(resolve => { _ready = resolve }), new Data))
  .replaceStreamEnd(e => _isReady.then(() => e))
  .exec('sh -c "trap \\"echo term; exit\\" TERM; echo ready; while true; do sleep 0.05; done"')
  .handleData(() => { _ready() })
