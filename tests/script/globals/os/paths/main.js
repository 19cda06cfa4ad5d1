// globals.md 4: join concatenates with single slashes and does not resolve `..`; normalize resolves it and yields a leading `/`; stat: null if missing; read throws `cannot open file: PATH`.
pipy()
  .task()
  .onStart(() => {
    println(os.platform)
    println(os.path.basename('/a/b.c'), os.path.dirname('/a/b.c'))
    println(os.path.join('/a/', '/b', '..', 'c'))
    println(os.path.normalize('a/./b/../c'), os.path.resolve('/x', '../y'))
    println(os.stat('/no/such/file'))
    println(invoke(() => os.read('/no/such/file'), e => e))
    println(os.stat('/').isDirectory(), os.env.NO_SUCH_NAME)
    return new StreamEnd
  })
