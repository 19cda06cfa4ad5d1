// pipyjs/model.md section 3: solve(path) evaluates the file as one expression; so a brace begins an object, JSON or not.
println(pipy.solve('object.js').list[1].name, pipy.solve('config.json').port, pipy.solve('function.js')(2))
println(pipy.solve('empty.js'), pipy.solve('array.js').length, pipy.solve('parenthesised.js').a, pipy.solve('called.js'))
println(pipy.solve('statements.js'))
