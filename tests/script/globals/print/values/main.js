// globals.md 1: print: values separated by one blank; strings raw, others in the console format; Data prints as text.
pipy()
  .task()
  .onStart(() => {
    print('a', 1, null, undefined)
    print(new Data('|data\n'))
    return new StreamEnd
  })
