// filters.md 1: print writes each Data to stdout as text.
pipy()
  .task()
  .onStart(() => [new Data('one\n'), new Data('two\n'), new StreamEnd])
  .print()
