((
  subscriptions = {},
  retained = new Map,
) => ({
  sessions: new algo.Cache(id => ({ id, since: Date.now() })),
  topics: {
    subscribe: (filter, qos) => (
      subscriptions[filter] = (subscriptions[filter] || 0) + 1,
      qos > 1 ? 0x80 : qos
    ),
    publish: (topic, text) => (
      retained.set(topic, text),
      console.log(`mqtt ${topic} = ${text}, ${subscriptions[topic] || 0} listening`)
    ),
  },
}))()
