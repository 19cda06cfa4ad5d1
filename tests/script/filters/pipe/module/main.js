// model.md 1.5.3, 1.5.4: in a module, `pipeline($ => ...)` is a template that `pipe` takes; `var $x` belongs to the context.
var $kind = null
var upper = pipeline($ => $.replaceData(data => new Data(data.toString().toUpperCase())).pipeNext())
var marked = pipeline($ => $.replaceData(data => new Data('<' + data + '>')))

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $
  .handleData(data => { $kind = data.toString().startsWith('u') ? [upper, marked] : marked })
  .pipe(() => $kind)
)
