// model.md 1.5.2: like link but each event is queued to the next loop turn.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(d => [d, new Data('!')])
  .linkAsync('a')
  .pipeline('a').replaceData(d => new Data('<' + d + '>'))
