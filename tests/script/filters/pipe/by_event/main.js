// model.md 1.5.4: the function is called for each event until it returns non-null; events buffer meanwhile. `args` are the
// start arguments.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .insert(new Data)
  .pipe(
    evt => evt.size > 0 ? 'b' : null,
    {
      a: $ => $.dummy(),
      b: $ => $.onStart(arg => new Data(arg)).replaceData(d => new Data('<' + d + '>')),
    },
    evt => ['k' + evt.size]
  )
