({
  requests: new stats.Counter('sidecar_request_total', ['direction', 'service', 'code']),
  retries: new stats.Counter('sidecar_retry_total', ['cluster', 'result']),
  latency: new stats.Histogram(
    'sidecar_request_duration_ms',
    new Array(8).fill(0).map((_, i) => Math.pow(10, i)).concat([Infinity]),
    ['direction']
  ),
})
