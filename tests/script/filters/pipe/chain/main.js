// model.md 1.5.4: an array makes a chain: the first layout starts; pipeNext inside it continues with the next, passing the
// arguments of the chain; with no next, events pass through.
((b = pipeline($ => $.onStart(arg => new Data(arg)).replaceData(d => new Data('b' + d)).pipeNext())) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .pipe(
      ['a', b],
      { a: $ => $.onStart(arg => new Data(arg)).replaceData(d => new Data('a' + d)).pipeNext() },
      ['k']
    )
)()
