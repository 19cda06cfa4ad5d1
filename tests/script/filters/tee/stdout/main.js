// filters.md 9: tee: '-' = stdout.
pipy()
  .task()
  .onStart(() => [new Data('hello\n'), new StreamEnd])
  .tee('-')
  .handleStreamEnd(() => pipy.exit())
