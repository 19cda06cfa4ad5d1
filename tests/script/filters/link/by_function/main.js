// model.md 1.5.2: link(() => name) is evaluated at each event until it returns a non-nullish value.
pipy({ _target: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleData(d => _target = d.toString())
  .link(() => _target)
  .pipeline('a').replaceData(() => new Data('pipeline a'))
  .pipeline('b').replaceData(() => new Data('pipeline b'))
