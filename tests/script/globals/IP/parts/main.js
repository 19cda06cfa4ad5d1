// globals.md 5: new IP(text): version, toString(), toBytes(), decompose(); IP.isV4, IP.isV6; throws for bad text.
pipy()
  .task()
  .onStart(() => {
    const ip = new IP('10.1.2.3')
    println(ip.version, ip.toString(), ip.toBytes().toString('hex'), ip.decompose().join())
    println(IP.isV4('10.1.2.3'), IP.isV6('10.1.2.3'), IP.isV6('::1'))
    println(invoke(() => new IP('10.1.2'), e => 'throws'))
    return new StreamEnd
  })
