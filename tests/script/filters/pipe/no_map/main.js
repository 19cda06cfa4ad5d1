// model.md 1.5.4: pipe(target, map?, args?): `args` are the start arguments, with or without a map before them.
var $name
var greet = pipeline($ => $.onStart(name => { $name = name }).replaceData(d => new Data($name + ' ' + d + '\n')))

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $.pipe([greet], () => ['hello']))
