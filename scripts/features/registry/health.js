// Readiness of one port, counted as the kubelet counts: initialDelaySeconds, periodSeconds, timeoutSeconds,
// successThreshold, failureThreshold, from the readinessProbe; without one, a TCP connect. Calls changed(ok), first when
// either threshold is reached: until then nothing is known, and whatever a registry holds of this Pod stays.
// Source: Kubernetes API reference, Probe v1 core (defaults 0, 10, 1, 1, 3). Redirects are not followed: they are good.
((
  config = pipy.solve('base/config.js'),

  now = () => Date.now() / 1000,

  header = list => Object.fromEntries((list || []).map(({ name, value }) => [name.toLowerCase(), value])),

  // Only names go into a TLS handshake, no addresses.
  isName = host => host.indexOf(':') < 0 && Number.isNaN(Number.parseInt(host.split('.').pop())),
) => (pod, cfg, port, changed) => (
  (
    probe = port.probe || {},
    get = probe.httpGet,
    seconds = port.probe ? probe.periodSeconds || 10 : cfg.checkSeconds,
    timeout = probe.timeoutSeconds || 1,
    successes = probe.successThreshold || 1,
    failures = probe.failureThreshold || 3,
    begin = now() + (probe.initialDelaySeconds || 0),

    host = (get || probe.tcpSocket)?.host || pod.status.podIP,
    target = `${config.host(host)}:${port.asks}`,

    // up: null until known. Each try ends once, by an answer, an end or its timer.
    state = { up: null, good: 0, bad: 0, timer: null, socket: null },

    count = ok => (
      ok ? (state.good++, state.bad = 0) : (state.bad++, state.good = 0),
      ok && state.up !== true && state.good >= successes && (state.up = true, changed(true)),
      !ok && state.up !== false && state.bad >= failures && (state.up = false, changed(false))
    ),

    end = ok => state.timer && (
      state.timer.cancel(),
      state.timer = null,
      state.socket = null,
      count(ok)
    ),

    tooLate = () => (
      (socket = state.socket) => (end(false), socket && socket.close())
    )(),

    begun = () => (
      state.timer = new Timeout(timeout),
      state.timer.wait().then(tooLate, () => undefined),
      true
    ),
  ) => ({
    isUp: () => state.up,
    check: {
      seconds,
      timeout,
      target,
      tls: get?.scheme === 'HTTPS' ? (isName(host) ? { sni: host } : {}) : undefined,
      http: get && {
        method: 'GET',
        path: get.path || '/',
        headers: {
          host: target,
          'user-agent': 'kube-probe/ballast',
          accept: '*/*',
          ...header(get.httpHeaders),
          connection: 'close',
        },
      },
      begin: () => now() >= begin && begun(),
      opened: socket => state.timer && (state.socket = socket),
      end,
    },
  })
)())()
