({
  mark: (msg, value) => (msg.head.headers['x-front'] = value, msg),
  limits: { maxQueue: 8 },
})
