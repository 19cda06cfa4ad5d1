// pipyjs/model.md section 3: exec(cmd | argv, options?) runs a program synchronously and returns stdout as Data.
print(pipy.exec('echo "a  b" c'))
print(pipy.exec(['cat'], { stdin: new Data('from stdin\n') }))
pipy.exec(['sh', '-c', 'echo oops >&2; exit 5'], { onExit: (code, errors) => print(code, errors) })
