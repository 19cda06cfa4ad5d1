// filters.md 1: handle(fn) is called with any event, at each event.
pipy({ _seen: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handle(e => _seen = _seen + e.type + ' ')
  .replaceStreamEnd(e => [new Data(_seen), e])
