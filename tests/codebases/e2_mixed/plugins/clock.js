((
  { format } = pipy.solve('plugins/format.json.js'),
) => pipy()
.pipeline()
.replaceMessage(() => new Message({}, format(new Date(0))))
)()
