// filters.md 4: fork(init), one child for what is no array; model.md 1.4: it is started with the value, in the same context. Also where
// the pipeline is built while the script runs.
var $got

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $
  .pipe(() => pipeline($ => $
    .fork('v').to($ => $.onStart(value => void ($got = value)))
    .replaceData(data => new Data($got + data.toString()))
  ))
)
