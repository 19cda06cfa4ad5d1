((
  table = {},
) => ({
  commands: {
    PING: text => text || 'PONG',
    SET: (k, v) => (table[k] = v, 'OK'),
    GET: k => k in table ? new Data(table[k]) : null,
    INCR: k => (table[k] = ((table[k] | 0) + 1).toString(), table[k] | 0),
    KEYS: () => Object.keys(table).sort().map(k => new Data(k)),
    FAIL: () => new Error('ERR no such luck'),
  },
}))()
