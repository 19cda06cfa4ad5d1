(
  (config = JSON.decode(pipy.load('config.json'))) => (
    config.inboundChains = {
      http: config.Chains['inbound-http'],
      tcp: config.Chains['inbound-tcp'],
    },
    config.outboundChains = {
      http: config.Chains['outbound-http'],
      tcp: config.Chains['outbound-tcp'],
    },
    config
  )
)()
