// What is known of this Pod, and the settings that nobody gave. Evaluates to { path, pod, registry, proxy, host }.
((
  path = 'config/pod.json',

  // Settings of every registry; each can be set in features.registry of pod.json.
  defaults = {
    type: 'eureka',
    servers: [],
    heartbeatSeconds: 10,   // Eureka's own default is 30: a dead Pod is out of sight three times sooner
    leaseSeconds: 30,       // the server drops an instance that has been silent for (up to twice) that long
    timeoutSeconds: 3,      // for one request to one server
    drainSeconds: 2,        // between OUT_OF_SERVICE and leaving: callers refresh their lists
    backoffSeconds: 20,     // longest pause between attempts while no server answers
    checkSeconds: 1,        // TCP check of a port without a readinessProbe
  },

  // Settings of the proxy; each can be set in features.proxy of pod.json. The ports are those of ballast-init's rules.
  proxy = {
    inboundPort: 15003,
    outboundPort: 15001,
    probePort: 15064,
    service: 'unknown',
    plainPorts: [21, 22, 25, 110, 143, 587, 3306],  // the server speaks first
    detectSeconds: 0.5,     // for the first bytes of a client; then it is taken as plain TCP
    connectSeconds: 10,
    idleSeconds: 3600,
    maxConnections: 4000,   // of a listener; each takes two descriptors, and a container may have 20,000
    maxPipelined: 1000,     // requests of a connection that wait for their answers
    maxServices: 64,        // names of others in metrics
    log: true,
  },

  decode = data => data ? JSON.decode(data) : null,

  // The document as it is now: it changes in place when the Pod does.
  pod = () => (
    (
      given = decode(pipy.load(path)) || {},
    ) => ({
      metadata: {},
      features: {},
      ...given,
      spec: { containers: [], ...(given.spec || {}) },
      status: { podIP: '', ...(given.status || {}) },
    })
  )(),
) => ({
  path,
  pod,
  registry: pod => ({ ...defaults, ...(pod.features.registry || {}) }),

  proxy: pod => ({ ...proxy, ...(pod.features.proxy || {}) }),

  // An address as a URL or a target has it.
  host: ip => ip.indexOf(':') < 0 ? ip : `[${ip}]`,
}))()
