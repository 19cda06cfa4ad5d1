// globals.md 10: parent and children are independent values; a histogram's value is counts, then count and sum.
((
  requests = new stats.Counter('requests', ['method', 'status']),
  time = new stats.Histogram('time', [10, 100, Infinity]),
) => pipy()
  .task()
  .onStart(() => {
    requests.increase()
    requests.withLabels('GET', 200).increase()
    requests.withLabels('GET').withLabels('200').increase(2)
    println(requests.value, requests.withLabels('GET').value, requests.withLabels('GET', '200').value)
    println(requests.submetrics().map(m => m.label).join(), requests.dimensions.join(), requests.type)
    time.observe(3)
    time.observe(30)
    println(time.value.join())
    return stats.sum(['requests']).then(sums => {
      println(sums.requests.withLabels('GET', '200').value)
      return new StreamEnd
    })
  })
)()
