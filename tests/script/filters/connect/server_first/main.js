// usage.md 6, idiom 9: onStart(() => new Data) makes connect dial before the client sends anything.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .onStart(() => new Data)
  .connect('127.0.0.1:' + os.env.CASE_PORT2)
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .onStart(() => new Data('welcome'))
