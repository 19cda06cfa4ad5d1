// `algo.RoundRobinLoadBalancer`, `LeastWorkLoadBalancer`, `HashingLoadBalancer`. Source: pipyjs/globals.md section 6.
// A target has one resource, `{ id }`, for good: `muxHTTP(() => target)` keys its sessions by it and opens as many as
// needed. A borrower (the current inbound, or any object) keeps its target as long as it lives; targets that are gone or
// in the unhealthy cache are left. Only the least work balancer counts borrowers: it watches their end.
({ inbound, hash }) => {
  // Weighted round robin: the target with the fewest picks for its weight is next, the first one of equals. `pace` is
  // the ratio of the last pick: who was away does not get all that it missed.
  const fewest = (list, healthy) => {
    let best
    // By index: an iterator costs twice as much, and this runs for each request.
    for (let i = 0; i < list.length; i++) {
      const target = list[i]
      if (healthy !== null && !healthy(target)) continue
      if (best === undefined || target.picks * best.weight < best.picks * target.weight) best = target
    }
    return best
  }

  const roundRobin = balancer => (_key, healthy) => {
    const target = fewest(balancer.list, healthy)
    if (target === undefined) return undefined
    const picks = Math.max(target.picks, Math.floor(balancer.pace * target.weight))
    balancer.pace = picks / target.weight
    target.picks = picks + 1
    return target
  }

  const leastWork = balancer => {
    const next = roundRobin(balancer)
    return (key, healthy) => {
      let least = Infinity
      for (const target of balancer.list) {
        if (!healthy || healthy(target)) least = Math.min(least, target.used / target.weight)
      }
      // Of equals the one whose turn it is.
      return next(key, target => target.used / target.weight <= least && (!healthy || healthy(target)))
    }
  }

  // A key has a place on a line on which each target is as long as its weight. From there on the first usable one.
  const hashing = balancer => (key, healthy) => {
    const list = balancer.list
    let from = 0
    if (key !== undefined && key !== null) {
      const total = list.reduce((sum, target) => sum + target.weight, 0)
      let place = hash(key) / 2 ** 32 * total
      while (from < list.length - 1 && place >= list[from].weight) place -= list[from++].weight
    }
    for (let i = 0; i < list.length; i++) {
      const target = list[(from + i) % list.length]
      if (!healthy || healthy(target)) return target
    }
    return undefined
  }

  const entries = targets => {
    if (targets === undefined || targets === null) return []
    if (Array.isArray(targets)) return targets.map(id => [id, 1])
    if (typeof targets === 'object') return Object.entries(targets)
    throw new TypeError('argument 1 expects an array or an object')
  }

  const weightOf = (id, weight) => {
    const number = Number(weight ?? 1)
    if (!(number >= 0 && number < Infinity)) throw new TypeError(`weight of target ${id} expects a number`)
    return number
  }

  const isObject = value => (typeof value === 'object' && value !== null) || typeof value === 'function'

  const setUp = (self, makePick, counts, keyed, targets, unhealthyByDefault) => {
    const all = new Map // id → target
    const balancer = { list: [], pace: 0 }
    const pick = makePick(balancer)
    const borrowed = new WeakMap // borrower → loan
    const ends = counts ? new FinalizationRegistry(loan => { loan.target.used-- }) : null

    const put = (id, weight) => {
      weight = weightOf(id, weight)
      const target = all.get(id)
      if (target) target.weight = weight
      else {
        const fresh = { id, weight, picks: Math.floor(balancer.pace * weight), used: 0, resource: { id }, gone: false }
        // Where nobody counts, all borrowers have the same loan.
        fresh.loan = { target: fresh }
        all.set(id, fresh)
      }
    }
    const list = () => { balancer.list = [...all.values()].filter(target => target.weight > 0) }
    const healthyIn = cache => {
      cache = cache || unhealthyByDefault
      return cache && typeof cache.has === 'function' ? target => !cache.has(target.id) : null
    }

    self.set = targets => {
      const wanted = entries(targets)
      const ids = new Set(wanted.map(([id]) => id))
      for (const [id, target] of all) {
        if (!ids.has(id)) {
          target.gone = true
          all.delete(id)
        }
      }
      // In the order that is given now.
      const kept = new Map(all)
      all.clear()
      for (const [id, weight] of wanted) {
        if (kept.has(id)) all.set(id, kept.get(id))
        put(id, weight)
      }
      list()
    }
    self.add = (id, weight) => {
      put(id, weight)
      list()
    }
    self.next = (borrower, key, unhealthy) => {
      const healthy = healthyIn(unhealthy)
      const owner = borrower === undefined || borrower === null ? inbound() : borrower
      const loan = isObject(owner) ? borrowed.get(owner) : undefined
      const known = loan && loan.target
      const sticks = known !== undefined && !known.gone && known.weight > 0 && (healthy === null || healthy(known))
      // A key is stronger than a habit: the same key has the same target.
      if (sticks && !(keyed && key !== undefined && key !== null)) return known.resource
      const target = pick(key, healthy)
      if (target === undefined) return undefined
      if (target !== known && isObject(owner)) {
        if (!ends) borrowed.set(owner, target.loan)
        else {
          target.used++
          if (known) {
            known.used--
            loan.target = target
          } else {
            const loan = { target }
            borrowed.set(owner, loan)
            // Without a token to unregister by: the registry would hold on to it, and it is the borrower.
            ends.register(owner, loan)
          }
        }
      }
      return target.resource
    }
    self.select = (key, unhealthy) => {
      const target = pick(key, healthyIn(unhealthy))
      if (target === undefined) return undefined
      target.used++
      return target.id
    }
    self.deselect = id => {
      const target = all.get(id)
      if (target && target.used > 0) target.used--
    }
    self.set(targets)
  }

  return {
    RoundRobinLoadBalancer: class RoundRobinLoadBalancer {
      constructor(targets, unhealthy) { setUp(this, roundRobin, false, false, targets, unhealthy) }
    },
    LeastWorkLoadBalancer: class LeastWorkLoadBalancer {
      constructor(targets, unhealthy) { setUp(this, leastWork, true, false, targets, unhealthy) }
    },
    HashingLoadBalancer: class HashingLoadBalancer {
      constructor(targets, unhealthy) { setUp(this, hashing, false, true, targets, unhealthy) }
    },
  }
}
