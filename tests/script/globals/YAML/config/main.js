// globals.md 2: YAML.decode of a code base file: mappings, sequences, anchors and aliases; all scalars are strings.
((config = YAML.decode(pipy.load('config.yaml'))) => pipy()
  .task()
  .onStart(() => {
    println(config.version, typeof config.port, config.targets.map(t => t.host).join())
    println(config.targets[1].limits.rate, config.script)
    return new StreamEnd
  })
)()
