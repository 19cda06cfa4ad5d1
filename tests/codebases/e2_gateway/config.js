((
  config = JSON.decode(pipy.load('config.json')),
  isDebug = Boolean(os.env.GATEWAY_DEBUG),

) => ({
  ...config,
  isDebug,
  listens: config.listens.map(
    l => ({ ...l, options: { ...l.options } })
  ),
  byKey: Object.fromEntries(config.consumers.map(c => [c.key, c])),
}))()
