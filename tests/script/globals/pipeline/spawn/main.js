// pipyjs/model.md 1.5.3: spawn(...args) starts a pipeline in a new context with args; a promise of its onEnd result.
var $sum = 0

var add = pipeline($ => $
  .onStart((...numbers) => numbers.map(n => new Data('' + n)).concat(new StreamEnd))
  .handleData(data => { $sum += Number.parseInt(data.toString()) })
  .onEnd(() => $sum)
)

Promise.all([add.spawn(1, 2), add.spawn(3, 4, 5)]).then(sums => println(sums.join()))
