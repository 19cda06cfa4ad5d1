((
  { listen, upstreams, streaming } = JSON.decode(pipy.load('config.json')),

  { mark, limits } = pipy.solve('lib.js'),

) => pipy({
  _upstream: null,
  _began: 0,
})

.listen(listen.plain)
.demuxHTTP().to(
  $=>$.use('proxy.js')
)

.listen(listen.streaming)
.demuxHTTP({ bufferSize: streaming }).to(
  $=>$.use('proxy.js', 'streaming')
)

.listen(listen.h2)
.demuxHTTP().to(
  $=>$.use('proxy.js', 'h2')
)

.listen(listen.relay)
.connect(() => upstreams.http1)

.listen(listen.packed)
.demuxHTTP().to(
  $=>$
  .use('proxy.js')
  .compressHTTP(() => 'gzip')
)

.listen(listen.unpacked)
.demuxHTTP().to(
  $=>$
  .use('proxy.js')
  .decompressHTTP()
  .replaceMessageBody(body => new Data(body.toString().toUpperCase()))
)

)()
