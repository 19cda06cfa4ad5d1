// globals.md 6: `{a:1, b:2}` gives a, b, b; targets present in the unhealthy cache are skipped; a borrower keeps its own.
pipy()
  .task()
  .onStart(() => {
    const balancer = new algo.RoundRobinLoadBalancer({ a: 1, b: 2 })
    const unhealthy = new algo.Cache()
    const client = {}
    println([1, 2, 3].map(() => balancer.next({}).id).join())
    println(balancer.next(client).id, balancer.next({}).id, balancer.next(client).id)
    unhealthy.set('a', true)
    println(balancer.next(client, undefined, unhealthy).id)
    unhealthy.set('b', true)
    println(balancer.next({}, undefined, unhealthy))
    println([1, 2, 3].map(() => new algo.HashingLoadBalancer(['x', 'y']).select('key')).every((id, _, all) => id === all[0]))
    const pool = new algo.LoadBalancer([{ name: 'p' }, { name: 'q' }], { key: t => t.name, capacity: () => 1 })
    const lent = pool.allocate('q')
    println(lent.target.name, pool.allocate().target.name, pool.allocate())
    lent.free()
    println(pool.allocate().target.name)
    return new StreamEnd
  })
