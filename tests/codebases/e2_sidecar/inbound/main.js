((
  config = pipy.solve('config.js'),
  matches = Object.fromEntries(
    Object.entries(config.Inbound.TrafficMatches).map(([port, match]) => [port, {
      ...match,
      port,
      masks: match.SourceIPRanges?.map?.(range => new Netmask(range)),
    }])
  ),
) => pipy({
  _reject: false,
})

.export('inbound', {
  __port: null,
  __isHTTP: false,
})

.export('service', {
  __service: '',
  __cluster: '',
  __direction: '',
})

.pipeline()
.onStart(
  () => void (
    __port = matches[__inbound.destinationPort || 0],
    __direction = 'inbound',
    _reject = !__port || Boolean(__port.masks) && !__port.masks.some(m => m.contains(__inbound.remoteAddress))
  )
)
.branch(
  () => _reject, (
    $=>$.replaceStreamStart(new StreamEnd('ConnectionReset'))
  ),
  () => __port.Protocol === 'http', (
    $=>$
    .detectProtocol(proto => __isHTTP = proto === 'HTTP' || proto === 'HTTP2')
    .demuxHTTP({ bufferSize: '64k' }).to(
      $=>$.chain(config.inboundChains.http)
    )
  ), (
    $=>$.chain(config.inboundChains.tcp)
  )
)

)()
