// model.md 1.1: StreamEnd.error is undefined for a clean end, a name, or the very value that was given.
pipy().task().onStart(() => {
  var own = { code: 7 }
  println((new StreamEnd).error, new StreamEnd('ReadTimeout').error, new StreamEnd(own).error === own, new StreamEnd('mine').error)
  return new StreamEnd
})
