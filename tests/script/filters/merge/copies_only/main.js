// filters.md 4: input passes on; each whole message is also written into a session shared by all streams with the same key; responses are discarded.
pipy({ _g: { log: '' } })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [new Message('a'), new Message('b')])
  .merge('log', () => 'key')
  .replaceStreamEnd(e => [new Data(' logged ' + _g.log), e])
  .pipeline('log')
  .replaceMessage(msg => (_g.log = _g.log + msg.body, new Message('never')))
