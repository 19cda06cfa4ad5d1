// model.md 1.3: FIN passes in both directions; filters.md 6: connect sends its input to a socket and outputs what the socket returns.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connect('127.0.0.1:' + os.env.CASE_PORT2)
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .replaceData(d => new Data('peer got ' + d))
  .replaceStreamEnd(e => [new Data(', bye'), e])
