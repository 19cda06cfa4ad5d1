((
  { retries } = pipy.solve('lib/metrics.js'),
) => pipy({
  _policy: null,
  _count: 0,
  _status: 0,
})

.import({
  __cluster: 'service',
  __clusterConfig: 'route',
})

.pipeline()
.onStart(() => void (_policy = __clusterConfig?.RetryPolicy))
.branch(
  () => _policy?.NumRetries > 0, (
    $=>$
    .replay({ delay: () => _policy.RetryBackoffBaseInterval * Math.pow(2, _count - 1) }).to(
      $=>$
      .chain()
      .replaceMessage(
        msg => (
          _status = msg.head.status,
          _status > 499 && _count < _policy.NumRetries ? (
            _count++,
            retries.withLabels(__cluster, 'retry').increase(),
            new StreamEnd('Replay')
          ) : (
            _count > 0 && retries.withLabels(__cluster, _status > 499 ? 'fail' : 'success').increase(),
            msg.head.headers['x-retries'] = _count,
            msg
          )
        )
      )
    )
  ), (
    $=>$.chain()
  )
)

)()
