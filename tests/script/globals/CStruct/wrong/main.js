// globals.md, conventions: wrong argument types throw.
pipy().task().onStart(() => {
  var tell = what => println(invoke(what, message => message))
  tell(() => new CStruct({ a: 'int7' }))
  tell(() => new CStruct({ a: null }))
  tell(() => new CStruct)
  tell(() => new CStruct({ a: 'char[9999999]' }))
  tell(() => new CStruct({ a: 'int32' }).decode(new Data([1, 2])))
  return new StreamEnd
})
