((
  config = JSON.decode(pipy.load('config/ban.json')),
  parse = list => list?.length > 0 ? list.map(l => new Netmask(l)) : null,
  services = Object.fromEntries(
    Object.entries(config.services).map(
      ([k, v]) => [
        k, {
          white: parse(v.white),
          black: parse(v.black),
        }
      ]
    )
  ),
  within = (list, ip) => list.some(mask => mask.contains(ip)),
) => pipy({
  _service: null,
  _isRefused: false,
})

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .handleMessageStart(
    msg => (
      _service = services[__serviceID],
      _service && (
        _isRefused = (
          (_service.white && !within(_service.white, __inbound.remoteAddress)) ||
          (_service.black && within(_service.black, msg.head.headers['x-real-ip'] || __inbound.remoteAddress))
        )
      ),
      __turnDown = Boolean(_isRefused)
    )
  )
  .link(
    'deny', () => _isRefused,
    'bypass'
  )

.pipeline('deny')
  .replaceMessage(
    new Message({
      status: 403,
      headers: { 'content-type': 'text/plain' },
    }, 'Access denied')
  )

.pipeline('bypass')

)()
