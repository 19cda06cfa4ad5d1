// globals.md 5: IPMask: base, mask, hostmask, broadcast, size, first (base+1), last (broadcast-1), contains.
pipy()
  .task()
  .onStart(() => {
    const net = new IPMask('10.1.2.3/24')
    println(net.version, net.ip, net.bitmask, net.size)
    println(net.base, net.mask, net.hostmask, net.broadcast, net.first, net.last)
    println(net.contains('10.1.2.200'), net.contains(new IP('10.1.3.1')), net.contains('::1'))
    println(new IPMask('10.1.2.3').bitmask, new IPMask('::1').bitmask)
    return new StreamEnd
  })
