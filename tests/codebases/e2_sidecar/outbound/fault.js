pipy({
  _fault: null,
  _abort: 0,
  _timeout: null,
})

.import({
  __rule: 'route',
})

.pipeline()
.handleMessageStart(
  msg => (
    _fault = __rule?.Fault,
    _abort = _fault?.Abort?.[msg.head.path] || 0
  )
)
.branch(
  () => _abort > 0, (
    $=>$.replaceMessage(() => new Message({ status: _abort }, 'fault injected'))
  ),
  () => _fault?.Delay, (
    $=>$
    .wait(() => new Timeout(_fault.Delay).wait())
    .chain()
  ),
  () => true, (
    $=>$.chain()
  )
)
