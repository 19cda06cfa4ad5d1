((
  config = pipy.solve('config.js'),

) => pipy()

.branch(
  Boolean(config?.Inbound?.TrafficMatches), (
    $=>$
    .listen(15003, { transparent: true })
    .onStart(() => new Data)
    .use('inbound/main.js')
  )
)

.branch(
  Boolean(config?.Outbound || config?.Spec?.Traffic?.EnableEgress), (
    $=>$
    .listen(15001, { transparent: true })
    .onStart(() => new Data)
    .use('outbound/main.js')
  )
)

.listen(config?.Spec?.Probes?.Port ? config.Spec.Probes.Port : 0)
.use('probes.js')

.listen('127.0.0.1:5300', { protocol: 'udp' })
.use('dns.js')

.listen(os.env.SIDECAR_DEBUG ? 15000 : 0)
.serveHTTP(new Message('debug'))

.watch('config.json')
.onStart(() => (console.log('config changed'), new StreamEnd))

)()
