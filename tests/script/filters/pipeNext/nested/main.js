// model.md 1.5.4: only an array makes a chain, so pipeNext below a target that is a name goes on with the chain around it.
var $ctx
var guard = pipeline($ => $
  .onStart(ctx => { $ctx = ctx })
  .pipe(() => $ctx.allowed ? 'pass' : 'deny', {
    pass: $ => $.pipeNext(),
    deny: $ => $.replaceData(new Data('denied')),
  })
)
var greet = pipeline($ => $.onStart(ctx => { $ctx = ctx }).replaceData(d => new Data($ctx.name + ' ' + d + '\n')))

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $.pipe([guard, greet], null, [{ allowed: true, name: 'hello' }]))
