((
  config = pipy.solve('config.js'),
  names = config.DNS,
  answer = (query, ips) => ({
    ...query,
    qr: 1,
    aa: 1,
    ra: 1,
    answer: ips.map(rdata => ({ name: query.question[0].name, type: 'A', ttl: 60, rdata })),
  }),
  search = name => (
    names[name] || names[`${name}.svc.cluster.local`]
  ),
) => pipy({
  _query: null,
  _ips: null,
})

.pipeline()
.replaceMessage(
  msg => (
    (query => (
      (name => (
        query.question[0].type === 'A' && (ips => (
          ips ? new Message(DNS.encode(answer(query, ips))) : new Message(DNS.encode({ ...query, qr: 1, rcode: 3 }))
        ))(search(name)) || new Message(DNS.encode({ ...query, qr: 1, rcode: 4 }))
      ))(query.question[0].name.toLowerCase())
    ))(DNS.decode(msg.body))
  )
)
)()
