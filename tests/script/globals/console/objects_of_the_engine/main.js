// globals.md 1, console format: fields of engine objects without quotes, those of plain objects quoted.
println(new Message({ status: 200 }, 'ab'))
println(new MessageStart({ path: '/' }), { in: new StreamEnd('ReadError') })
println(new Map([[1, 2]]), new URLSearchParams('a=1') instanceof URLSearchParams)
