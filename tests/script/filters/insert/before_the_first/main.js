// filters.md 3: insert outputs the events before the first input event.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .insert(() => [new Data('hello '), null, new Data('dear ')])
