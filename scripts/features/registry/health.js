// Readiness of one port, counted as the kubelet counts: initialDelaySeconds, periodSeconds, timeoutSeconds,
// successThreshold, failureThreshold, from the readinessProbe; without one, a TCP connect. Calls changed(ok).
// Source: Kubernetes API reference, Probe v1 core (defaults 0, 10, 1, 1, 3).
((
  now = () => Date.now() / 1000,

  header = list => Object.fromEntries((list || []).map(({ name, value }) => [name.toLowerCase(), value])),

  host = address => address.indexOf(':') < 0 ? address : `[${address}]`,
) => (pod, cfg, port, changed) => (
  (
    probe = port.probe || {},
    get = probe.httpGet,
    seconds = (port.probe ? probe.periodSeconds || 10 : cfg.checkSeconds),
    timeout = probe.timeoutSeconds || 1,
    successes = probe.successThreshold || 1,
    failures = probe.failureThreshold || 3,
    begin = now() + (probe.initialDelaySeconds || 0),

    target = get ? (
      `${host(get.host || pod.status.podIP)}:${get.port}`
    ) : (
      `${host(probe.tcpSocket?.host || pod.status.podIP)}:${probe.tcpSocket?.port || port.number}`
    ),
    headers = header(get?.httpHeaders),

    // `round` numbers the checks: an answer to an earlier one is too late.
    state = { up: false, decided: false, good: 0, bad: 0, round: 0, pending: false, timer: null },

    count = ok => (
      ok ? (state.good++, state.bad = 0) : (state.bad++, state.good = 0),
      ok && !state.up && state.good >= successes && (state.up = true, changed(true)),
      !ok && state.up && state.bad >= failures && (state.up = false, changed(false))
    ),

    finish = ok => state.pending && (
      state.pending = false,
      state.timer && state.timer.cancel(),
      state.timer = null,
      count(ok)
    ),

    begun = () => (
      state.round++,
      state.pending = true,
      state.timer = new Timeout(timeout),
      state.timer.wait().then(
        (round => () => round === state.round && finish(false))(state.round),
        () => undefined
      )
    ),
  ) => ({
    isUp: () => state.up,
    check: {
      name: `readiness of port ${port.number}`,
      seconds,
      timeout,
      target,
      tls: get && get.scheme === 'HTTPS' ? { sni: headers.host || get.host } : undefined,
      http: get && {
        method: 'GET',
        path: get.path || '/',
        headers: { host: target, 'user-agent': 'kube-probe/ballast', accept: '*/*', ...headers, connection: 'close' },
      },
      due: () => now() >= begin && (begun(), true),
      done: finish,
    },
  })
)())()
