// globals.md 5: Netmask is the older name of IPMask; next() iterates host addresses from first, '' after the last.
pipy()
  .task()
  .onStart(() => {
    const net = new Netmask('192.168.1.4/30')
    println(net.next(), net.next(), '[' + net.next() + ']')
    println(new Netmask(16).mask)
    return new StreamEnd
  })
