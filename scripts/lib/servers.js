// Requests to one of several servers that hold the same data: stays with the one that answers, moves on when it does not.
// Evaluates to call(cfg, method, path, headers, body) → Promise of the answer, a Message; status 500 and above counts as
// no answer. Credentials in a URL become basic authentication and appear in no log.
((
  // By URL: an Agent keeps its connections.
  agents = {},
  current = {},

  agent = url => agents[url] || (agents[url] = (
    (
      parts = new URL(url),
      isTLS = parts.protocol === 'https:',
      login = parts.username ? `${URL.decodeComponent(parts.username)}:${URL.decodeComponent(parts.password)}` : '',
    ) => ({
      name: parts.host,
      base: parts.pathname.endsWith('/') ? parts.pathname.substring(0, parts.pathname.length - 1) : parts.pathname,
      headers: login ? { authorization: 'Basic ' + new Data(login).toString('base64') } : {},
      http: new http.Agent(parts.host, {
        ...(isTLS ? { tls: { sni: parts.hostname } } : {}),
        connectTimeout: 2,
        idleTimeout: 30,
      }),
    })
  )()),

  // Rejects when the promise takes too long. The timer never outlives it.
  within = (seconds, promise, what) => new Promise(
    (resolve, reject) => (
      (timer = new Timeout(seconds)) => (
        timer.wait().then(() => reject(new Error(`${what}: no answer in ${seconds} s`)), () => undefined),
        promise.then(
          value => (timer.cancel(), resolve(value)),
          error => (timer.cancel(), reject(error))
        )
      )
    )()
  ),

  attempt = (cfg, index, method, path, headers, body) => (
    (server = agent(cfg.servers[index])) => within(
      cfg.timeoutSeconds,
      server.http.request(method, server.base + path, { ...headers, ...server.headers }, body),
      `${method} ${server.name}`
    ).then(
      res => res.head.status < 500 ? res : Promise.reject(
        new Error(`${method} ${server.name}: status ${res.head.status}`)
      ),
      error => Promise.reject(
        error?.head ? new Error(`${method} ${server.name}: ${error.head.statusText}`) : error
      )
    )
  )(),

  call = (cfg, method, path, headers, body) => (
    (
      key = cfg.servers.join(),
      count = cfg.servers.length,
      from = current[key] || 0,
      next = tried => attempt(cfg, (from + tried) % count, method, path, headers, body).then(
        res => (current[key] = (from + tried) % count, res),
        error => tried + 1 < count ? next(tried + 1) : Promise.reject(error)
      ),
    ) => next(0)
  )(),
) => call)()
