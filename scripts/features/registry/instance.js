// One instance of the app in one registry: registers, keeps its lease, follows its status, leaves. It has one timer for
// life; whatever happens (404, a changed status, all servers down) moves that timer and never adds another.
// What becomes of it is told to people (console) and, a line of JSON each, in the log `registration`, which the agent reports.
((
  told = new logging.JSONLogger('registration'),
  jitter = seconds => seconds * (0.9 + 0.2 * Math.random()),
  text = error => error?.message || error?.head?.statusText || String(error),
) => (description, cfg, registry) => (
  (
    state = {
      self: description,
      wanted: null,       // status that the registry should show; 'GONE': none; null: not known yet
      shown: null,        // status that it was told last, null while not registered by us
      gone: false,        // the registry is known not to have it; an earlier agent may have registered it
      stale: false,       // it was told another description
      everUp: false,
      leaving: false,
      failures: 0,
      running: false,
      again: false,
      timer: null,
      left: null,         // called when the instance has been deregistered
    },

    log = words => console.info('[registry]', state.self.id, words),
    tell = (what, words) => (
      log(words),
      told.log({ time: Date.now(), id: state.self.id, state: what, words })
    ),

    register = () => (
      (status = state.wanted) => (
        state.stale = false,
        registry.register({ ...state.self, status }, cfg).then(
          () => (
            state.shown ? log(`${state.shown} → ${status}`) : tell('registered', `registered as ${status}`),
            state.shown = status,
            state.gone = false
          )
        )
      )
    )(),

    // What is wanted may have changed meanwhile, so a lost instance is registered by the next step.
    beat = () => registry.heartbeat({ ...state.self, status: state.shown }, cfg).then(
      known => known || (
        tell('lost', 'not known to the registry any more: registering again'),
        state.shown = null,
        state.gone = true,
        state.again = true
      )
    ),

    deregister = () => registry.deregister(state.self, cfg).then(
      () => (tell('deregistered', 'deregistered'), state.shown = null, state.gone = true)
    ),

    step = () => (
      state.wanted === 'GONE' ? (state.gone ? Promise.resolve() : deregister()) :
      state.wanted === state.shown && !state.stale ? beat() :
      register()
    ),

    isDone = () => state.wanted === 'GONE' && state.gone,

    pause = () => (
      state.failures > 0 ? Math.min(cfg.backoffSeconds, 0.5 * Math.pow(2, Math.min(state.failures, 10))) :
      cfg.heartbeatSeconds
    ),

    schedule = () => (
      state.timer && state.timer.cancel(),
      state.timer = new Timeout(jitter(pause())),
      state.timer.wait().then(run, () => undefined)
    ),

    // One request at a time; what is wanted meanwhile is done right after.
    run = () => (
      state.running ? (state.again = true) : (
        state.running = true,
        state.again = false,
        state.timer && state.timer.cancel(),
        state.timer = null,
        Promise.resolve().then(step).then(
          () => (state.failures = 0),
          error => (
            state.failures++,
            (state.failures === 1 || state.failures % 10 === 0) && (
              tell('failed', `failed ${state.failures} times: ${text(error)}`)
            )
          )
        ).then(
          () => (
            state.running = false,
            isDone() ? (state.left && state.left()) :
            state.again && state.failures === 0 ? run() :
            schedule()
          )
        )
      ),
      undefined
    ),

    want = status => (
      state.wanted !== 'GONE' && state.wanted !== status && (
        state.wanted = status,
        status === 'UP' && (state.everUp = true),
        run()
      )
    ),

    // Resolves when gone, or when nobody can be told in time: the lease runs out by itself then.
    gone = () => new Promise(
      resolve => (
        (timer = new Timeout(cfg.timeoutSeconds)) => (
          state.left = () => (timer.cancel(), resolve()),
          timer.wait().then(resolve, () => undefined),
          want('GONE')
        )
      )()
    ),
  ) => ({
    port: description.port,
    seen: () => state.everUp,
    status: status => state.leaving || want(status),
    describe: description => (
      JSON.stringify(description) !== JSON.stringify(state.self) && (
        state.self = description,
        state.shown && (state.stale = true, run())
      )
    ),
    // Callers get the drain also when the registration is still under way.
    leave: seconds => (
      state.leaving = true,
      (state.shown || state.running) && seconds > 0 ? (
        want('OUT_OF_SERVICE'),
        new Timeout(seconds).wait().then(gone)
      ) : gone()
    ),
  })
)())()
