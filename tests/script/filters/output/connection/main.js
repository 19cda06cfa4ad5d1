// filters.md 4: output(fn) clones events into that handle's stream (or into the inbound's output when nullish) and passes
// them on.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .link('child')
  .replaceData()
  .pipeline('child')
  .replaceData(d => [d, new Data('!')])
  .output()
