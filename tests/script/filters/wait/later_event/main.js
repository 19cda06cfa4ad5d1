// filters.md 3: wait buffers input; fn is evaluated at each own input event; truthy opens the gate for good.
pipy({ _ready: false })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleStreamEnd(() => _ready = true)
  .wait(() => _ready)
  .replaceData(d => new Data('<' + d + '>'))
