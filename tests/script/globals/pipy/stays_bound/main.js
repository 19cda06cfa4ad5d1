// pipyjs/globals.md "All methods are bound to their object", model.md section 4 item 17: whatever the class.
var part = fn => { try { return fn() } catch (e) { return e.message } }
var all = {
  Data: () => { var d = new Data; ['a', 'b', 'c'].forEach(d.push); var { shift, toArray } = d; shift(1); return toArray() },
  IP: () => [new IP('1.2.3.4')].map(({ toString, decompose }) => toString() + decompose().length)[0],
  IPMask: () => ['9.9.9.9', '10.1.1.1'].find(new IPMask('10.0.0.0/8').contains),
  Netmask: () => { var { next } = new Netmask('10.0.0.0/8'); return next() + ' ' + next() },
  URLSearchParams: () => ['a', 'b'].map(new URLSearchParams('a=1&b=2').get),
  Hash: () => { var { update, digest } = new crypto.Hash('md5'); update(''); return digest('hex') },
  Cache: () => ['x', 'y'].map(new algo.Cache(k => k + k).get),
  Quota: () => [1, 9].map(new algo.Quota(5).consume),
  RoundRobinLoadBalancer: () => { var { select } = new algo.RoundRobinLoadBalancer(['a', 'b']); return select() + select() },
  LoadBalancer: () => { var { allocate } = new algo.LoadBalancer(['a']); var { free } = allocate(); free(); return allocate().target },
  URLRouter: () => { var { find } = new algo.URLRouter({ '/x': 1 }); return [find('/x'), find('/y')] },
  SharedMap: () => { var { set, get } = new algo.SharedMap('bound'); set('k', 1); return get('k') },
  Counter: () => { var c = new stats.Counter('bound'); var { increase } = c; increase(); return c.value },
  Timeout: () => { var { cancel } = new Timeout(9); cancel(); return 'cancelled' },
  CStruct: () => { var { encode, decode } = new CStruct({ a: 'uint8' }); return decode(encode({ a: 7 })).a },
  protobuf: () => { var { setInt32, getInt32 } = new protobuf.Message; setInt32(1, 8); return getInt32(1) },
  stat: () => { var { isDirectory } = os.stat('/'); return isDirectory() },
  template: () => { var { spawn } = pipeline($ => $.onStart(() => new StreamEnd)); return spawn() instanceof Promise },
}
Object.entries(all).forEach(([name, fn]) => println(name, part(fn)))
pipy.exit(0)
