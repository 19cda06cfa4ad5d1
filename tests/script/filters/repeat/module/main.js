// model.md 1.5.3: to() and loop() accept a function or a template; repeat(cond), forkJoin and swap are filters of modules.
var $n = 0
var attempt = pipeline($ => $.replaceData(data => new Data($n + '' + data)))
var hub = new pipeline.Hub

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $
  .repeat(() => ++$n < 2).to(attempt)
  .forkJoin().to($ => $.dummy())
  .fork().to($ => $.swap(hub))
)
