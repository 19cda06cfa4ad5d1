// pipyjs/globals.md section 2: JSON.decode(data, reviver?, { maxStringSize }?); README: sizes take suffixes, wrong types throw.
var text = new Data('{"name":"12345","n":1}')
var decode = options => invoke(() => JSON.decode(text, null, options).name, message => message)
println(decode(), decode({}), decode({ maxStringSize: 5 }), decode({ maxStringSize: '1k' }))
println(decode({ maxStringSize: 4 }))
println(decode({ maxStringSize: true }))
println(JSON.decode(text, (k, v) => k === 'n' ? v + 1 : v, { maxStringSize: 5 }).n, JSON.decode(null, null, { maxStringSize: 1 }))
