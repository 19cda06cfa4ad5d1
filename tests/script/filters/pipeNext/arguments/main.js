// model.md 1.5.4: pipeNext(args?) continues with the next, passing `args` or else the arguments of the chain.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .pipe(
    ['a', 'b'],
    {
      a: $ => $.pipeNext(['n']),
      b: $ => $.onStart(arg => new Data(arg)).replaceData(d => new Data('b' + d)),
    },
    ['k']
  )
