// pipyjs/model.md 1.5.3: process(events | generatorFn) feeds events, or what a function returns call by call.
var upper = () => {
  var text = ''
  return pipeline($ => $
    .handleData(data => { text += data.toString().toUpperCase() })
    .onEnd(() => text)
  )
}

upper().process([new Data('a'), new Data('b'), new StreamEnd]).then(text => {
  println(text)
  var n = 0
  return upper().process(() => ++n > 3 ? new StreamEnd : new Timeout(0.01).wait().then(() => new Data('x' + n)))
}).then(text => println(text))
