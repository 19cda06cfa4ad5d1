((
  config = JSON.decode(pipy.load('config.json')),
  shared = new algo.SharedMap('counts'),
  generation = shared.add('generation', 1),
  calls = new stats.Counter('reload_calls', ['generation']),
  state = { ticks: 0 },

) => pipy({
  _requests: 0,
  _isSlow: false,
})

.listen(config.port, { idleTimeout: 0 })
.demuxHTTP().to(
  $=>$
  .handleMessageStart(msg => _isSlow = msg.head.path.startsWith('/until'))
  .branch(
    () => _isSlow, (
      $=>$.muxHTTP(() => config.slow).to($=>$.connect(() => config.slow))
    ), (
      $=>$
      .replaceMessage(
        msg => (
          _requests++,
          calls.withLabels(generation).increase(),
          msg.head.path === '/ticks' ? new Message(`${state.ticks > 0}\n`) :
          msg.head.path === '/gen' ? new Message(`${shared.get('generation')} ${generation}\n`) :
          msg.head.path === '/restart' ? (pipy.restart(), new Message('restarting\n')) :
          new Message(`${config.text} ${_requests}\n`)
        )
      )
    )
  )
)

.listen(config.tcp || 0)
.replaceData(data => new Data(`${config.text}:`).push(data))

.repeat(config.extra || [], ($, port) => $.listen(port).serveHTTP(new Message(`extra ${port}\n`)))

.task('0.1s')
.onStart(() => new Message)
.replaceMessage(() => (state.ticks++, new StreamEnd))

.task('SIGWINCH')
.onStart(() => (console.log('resized', state.ticks > 0), new StreamEnd))

.admin('/admin/state')
.replaceMessage(
  msg => new Message(
    JSON.encode({ text: config.text, method: msg.head.method, path: msg.head.path, body: msg.body.toString() })
  )
)

.admin('/admin/state/ticks')
.replaceMessage(() => new Message({ status: 200 }, `${state.ticks > 0}\n`))

.exit()
.onStart(() => (console.log(`leaving: ${config.text}`), new Timeout(0.3).wait().then(() => new Message)))
.replaceMessage(() => (console.log('left'), new StreamEnd))

)()
