// pipyjs/model.md section 3: patch(path, data | string) overlays a code base file in memory; fork(fn) copies the context.
var $n = 1

pipy.patch('/greeting.txt', 'hello')
println(pipy.load('greeting.txt'), pipy.list('/').includes('greeting.txt'))

pipeline($ => $
  .onStart(() => {
    println(pipy.fork(() => ++$n), $n)
    return new StreamEnd
  })
).spawn()
