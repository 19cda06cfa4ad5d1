((
  config = pipy.solve('config.js'),
  matches = config.Outbound.TrafficMatches,
) => pipy({
  _protocol: null,
})

.export('outbound', {
  __match: null,
})

.import({
  __direction: 'service',
})

.pipeline()
.onStart(
  () => void (
    __direction = 'outbound',
    __match = matches[__inbound.destinationPort]
  )
)
.detectProtocol(proto => _protocol = proto)
.branch(
  () => __match && (_protocol === 'HTTP' || _protocol === 'HTTP2'), (
    $=>$
    .demuxHTTP().to(
      $=>$.chain(config.outboundChains.http)
    )
  ),
  () => _protocol !== null, (
    $=>$.chain(config.outboundChains.tcp)
  )
)

)()
