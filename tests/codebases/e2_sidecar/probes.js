((config = pipy.solve('config.js')) => pipy({
  _path: config.Spec.Probes.Path,
})
.pipeline()
.demuxHTTP().to(
  $=>$
  .replaceMessage(
    msg => (
      msg.head.path === _path ? new Message('OK') : new Message({ status: 404 }, 'not a probe')
    )
  )
)
)()
