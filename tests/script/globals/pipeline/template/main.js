// pipyjs/model.md 1.5.3: pipeline($ => $.filter()...) builds a layout and returns a template; it may be given to .to().
((
  upper = pipeline($ => $.replaceData(data => new Data(data.toString().toUpperCase()))),
) => pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .link().to(upper)
)()
