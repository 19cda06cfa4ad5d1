pipy({
  _target: '',
})
.pipeline()
.onStart(() => void (_target = `${__inbound.destinationAddress}:${__inbound.destinationPort}`))
.connect(() => _target)
