// filters.md 8: encodeThrift({ payload, protocol }). Bytes: the tables of Thrift's page on the compact protocol.
pipy({ _name: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(data => (_name = data.toString(), new Message('x')))
  .encodeThrift({ protocol: 'compact', payload: () => ({ type: 'reply', seqID: 7, name: _name, fields: [
    { id: 0, type: 'list', value: { elementType: 'string', elements: ['a'] } },
    { id: 1, type: 'i64', value: 9007199254740993n },
  ] }) })
