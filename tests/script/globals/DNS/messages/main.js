// globals.md 12: DNS.decode(data) and DNS.encode(message); types as strings, only flags that are set.
pipy()
  .task()
  .onStart(() => {
    const data = DNS.encode({
      id: 1,
      qr: 1,
      question: [{ name: 'example.com', type: 'MX' }],
      answer: [{ name: 'example.com', type: 'MX', ttl: 60, rdata: { preference: 10, exchange: 'mail.example.com' } }],
    })
    const message = DNS.decode(data)
    println(message.id, message.qr, message.aa)
    println(JSON.stringify(message.answer))
    println(invoke(() => DNS.decode(new Data('x')), e => e))
    return new StreamEnd
  })
