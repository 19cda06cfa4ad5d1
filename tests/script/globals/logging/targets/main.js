// globals.md 9: Text: values as in console.log joined by blanks; JSON: each argument as one document; methods are bound.
((
  text = new logging.TextLogger('text').toStdout(),
  json = new logging.JSONLogger('json').toStdout().log,
) => pipy()
  .task()
  .onStart(() => {
    text.log('a', 1, { b: [true, null] })
    json({ a: 1 }, 'two')
    new logging.BinaryLogger('raw').toStdout().log(new Data('bytes'))
    return new StreamEnd
  })
)()
