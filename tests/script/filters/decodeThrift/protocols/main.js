// filters.md 8: binary, old binary and compact; payload { protocol, type, seqID, name, fields: [{ id, type, value }] }, nested lists
// { elementType, elements }, maps { keyType, valueType, pairs }. Bytes: the tables of Thrift's pages on both protocols.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .decodeThrift()
  .replaceMessage(({ payload }) => new Data(JSON.stringify(shown(payload)) + '\n'))

// Data, and what no number holds, as text.
function shown(value) {
  if (value instanceof Data || typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(shown)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shown(v)]))
}
