// Netflix Eureka, REST API v1 (bases /eureka and /eureka/v2). Functions of (self, cfg) that return promises:
//   register    also tells a new status; an operator's override (OUT_OF_SERVICE) stays in force on the server
//   heartbeat   → false when the server does not know the instance (any more)
//   deregister  done, or was not there
((
  config = pipy.solve('base/config.js'),
  call = pipy.solve('lib/servers.js'),

  json = { 'content-type': 'application/json', accept: 'application/json' },

  app = self => self.service.toUpperCase(),
  path = self => `/apps/${URL.encodeComponent(app(self))}/${URL.encodeComponent(self.id).split('%3A').join(':')}`,
  url = (self, path) => `${self.tls ? 'https' : 'http'}://${config.host(self.ip)}:${self.port}${path}`,

  // Callers go to hostName, so it is the address too; they look up by vipAddress, in lower case.
  instance = (self, cfg) => ({
    instanceId: self.id,
    hostName: self.ip,
    ipAddr: self.ip,
    app: app(self),
    vipAddress: self.service.toLowerCase(),
    secureVipAddress: self.service.toLowerCase(),
    status: self.status,
    port: { '$': self.port, '@enabled': String(!self.tls) },
    securePort: { '$': self.tls ? self.port : 443, '@enabled': String(Boolean(self.tls)) },
    homePageUrl: url(self, '/'),
    statusPageUrl: url(self, cfg.statusPath || '/'),
    healthCheckUrl: url(self, self.healthPath || '/'),
    countryId: 1,
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: cfg.heartbeatSeconds, durationInSecs: cfg.leaseSeconds },
    metadata: self.meta,
    lastDirtyTimestamp: String(Date.now()),
    lastUpdatedTimestamp: String(Date.now()),
    isCoordinatingDiscoveryServer: 'false',
    actionType: 'ADDED',
  }),

  refuse = (what, res) => Promise.reject(
    new Error(`${what}: status ${res.head.status} ${res.body ? res.body.toString().substring(0, 200) : ''}`)
  ),

  post = (self, cfg) => call(
    cfg, 'POST', `/apps/${URL.encodeComponent(app(self))}`, json, JSON.encode({ instance: instance(self, cfg) })
  ).then(
    res => res.head.status < 300 ? true : refuse('register', res)
  ),

  // The server does not let an instance that is UP register itself as OUT_OF_SERVICE: it takes an override. Leaving
  // removes it. An instance that the server does not know is out of service already.
  withdraw = (self, cfg) => call(cfg, 'PUT', `${path(self)}/status?value=OUT_OF_SERVICE`, json).then(
    res => res.head.status < 300 || res.head.status === 404 ? true : refuse('status', res)
  ),
) => ({
  register: (self, cfg) => self.status === 'OUT_OF_SERVICE' ? withdraw(self, cfg) : post(self, cfg),

  heartbeat: (self, cfg) => call(cfg, 'PUT', `${path(self)}?status=${self.status}`, json).then(
    res => (
      res.head.status < 300 ? true :
      res.head.status === 404 ? false :
      refuse('heartbeat', res)
    )
  ),

  deregister: (self, cfg) => call(cfg, 'DELETE', path(self), json).then(
    res => res.head.status < 300 || res.head.status === 404 ? true : refuse('deregister', res)
  ),
}))()
