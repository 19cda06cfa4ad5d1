((
  config = pipy.solve('config.js'),

  shutdown = new stats.Counter('gateway_shutdown'),
) => pipy({
  _target: '',
})

.export('main', {
  __consumer: null,
  __route: null,
  __service: null,
  __target: null,
})

.repeat(
  config.listens,
  ($, l) => $.listen(l.port, l.options)
    .branch(
      l.protocol === 'http', (
        $=>$
          .demuxHTTP().to(
            $=>$.chain(config.plugins)
          )
      ), (
        $=>$
          .onStart(() => void (_target = l.target))
          .connect(() => _target)
      )
    )
)

.task()
.onStart(
  () => (
    console.info('gateway', pipy.pid > 0, 'threads', __thread.concurrency),
    new StreamEnd
  )
)

.exit()
.onStart(() => new Message('bye'))
.replaceMessage(
  msg => (
    console.log(msg.body.toString()),
    new StreamEnd
  )
)

)()
