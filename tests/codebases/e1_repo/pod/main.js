pipy({
  _config: JSON.decode(pipy.load('config.json')),
  _g: { started: Date.now(), beats: 0 },
})

.listen(8000)
  .demuxHTTP('request')

.pipeline('request')
  .use(['lib/tags.js', 'lib/size.js'].filter(f => pipy.load(f)), 'request', 'response')

.task('0.2s')
  .onMessage(() => _g.beats++)
  .replaceMessage(() => new StreamEnd)
