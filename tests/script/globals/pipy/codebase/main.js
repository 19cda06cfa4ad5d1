// model.md 3: load gives a file of the codebase as Data, or null; solve evaluates one as an expression, cached per path; model.md 1.5.1: the object's properties are context variables.
pipy({ _count: 0 })
  .task()
  .onStart(() => {
    _count += pipy.solve('answer.js').value
    println(_count, pipy.solve('/answer.js') === pipy.solve('answer.js'))
    println(pipy.load('answer.js').size > 0, pipy.load('missing.js'))
    return new StreamEnd
  })
