#!/usr/bin/env pipy

// Infra container: registers the service next door with Eureka, keeps it alive there, and takes its traffic.

(config => (

  pipy({
    _g: {
      registered: false,
      healthy: false,
      beats: 0,
      sessions: 0,
      requests: {},
    },

    _app: config.app,
    _ip: os.env.POD_IP || '127.0.0.1',
    _id: `${os.env.POD_NAME || 'localhost'}:${config.app.toLowerCase()}:${config.port}`,
    _trusted: config.trusted.map(n => new Netmask(n)),
    _router: new algo.URLRouter(config.routes),
    _balancer: new algo.RoundRobinLoadBalancer({ [config.service.target]: 1 }),
    _route: '',
    _target: undefined,
    _status: 0,
  })

  // ---- the way in

  .listen(config.port, { maxConnections: 1000 })
    .onSessionStart(() => _g.sessions++)
    .onSessionEnd(() => _g.sessions--)
    .link(
      'http', () => _trusted.some(mask => mask.contains(__inbound.remoteAddress)),
      'deny'
    )

  .pipeline('deny')
    .replaceSessionStart(() => new StreamEnd('ConnectionReset'))

  .pipeline('http')
    .demuxHTTP('request')

  .pipeline('request')
    .onMessageStart(
      e => (
        _route = _router.find(e.head.headers.host, e.head.path),
        _g.requests[_route] = (_g.requests[_route] || 0) + 1,
        _route === 'ratings' && (_target = _balancer.next()),
        e.head.headers['x-forwarded-for'] = __inbound.remoteAddress
      )
    )
    .link(
      'proxy', () => Boolean(_target),
      'metrics', () => _route === 'metrics',
      '404'
    )

  .pipeline('proxy')
    .muxHTTP('upstream', () => _target)
    .replaceMessageStart(
      e => (
        e.head.headers['x-pod'] = _id,
        e
      )
    )

  .pipeline('upstream')
    .connect(() => _target.id, { retryCount: 1, connectTimeout: 5 })

  .pipeline('metrics')
    .replaceMessage(
      () => new Message(
        { headers: { 'content-type': 'text/plain' } },
        Object.entries(_g.requests).map(([k, v]) => `requests{route="${k}"} ${v}\n`).join('')
      )
    )

  .pipeline('404')
    .replaceMessage(
      new Message({ status: 404, headers: { 'content-type': 'text/plain' } }, 'No route\n')
    )

  // ---- health of the service

  .task('1s')
    .use('health.js', 'check')
    .replaceMessage(
      msg => (
        _g.healthy = msg.head.status === 200,
        new StreamEnd
      )
    )

  // ---- registry

  .task(config.registry.interval)
    .link(
      'idle', () => !_g.healthy && !_g.registered,
      'register', () => !_g.registered,
      'heartbeat'
    )
    .replaceMessage(() => new StreamEnd)

  .task('SIGTERM')
    .link('deregister')
    .replaceMessage(
      () => (
        console.log(`left the registry after ${_g.beats > 1 ? 'some' : _g.beats} heartbeats`),
        pipy.exit(0),
        new StreamEnd
      )
    )

  .pipeline('idle')

  .pipeline('register')
    .replaceMessage(
      () => new Message(
        {
          method: 'POST',
          path: `/eureka/apps/${_app}`,
          headers: { 'Content-Type': 'application/json', 'Host': config.registry.host },
        },
        JSON.encode({
          instance: {
            instanceId: _id,
            hostName: _ip,
            app: _app,
            ipAddr: _ip,
            status: 'UP',
            port: { $: config.port, '@enabled': true },
            dataCenterInfo: {
              '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
              name: 'MyOwn',
            },
          },
        })
      )
    )
    .link('registry')
    .onMessage(
      msg => (
        _g.registered = (msg.head.status === 204),
        console.log('registered:', _g.registered)
      )
    )

  .pipeline('heartbeat')
    .replaceMessage(
      () => new Message({ method: 'PUT', path: `/eureka/apps/${_app}/${_id}` })
    )
    .link('registry')
    .onMessage(
      msg => (
        _status = msg.head.status,
        _status >= 200 && _status < 300 ? _g.beats++ : _g.registered = false
      )
    )

  .pipeline('deregister')
    .replaceMessage(
      () => new Message({ method: 'DELETE', path: `/eureka/apps/${_app}/${_id}` })
    )
    .link('registry')

  .pipeline('registry')
    .encodeHTTPRequest()
    .connect(config.registry.host)
    .decodeHTTPResponse()

))(JSON.decode(pipy.load('config.json')))
