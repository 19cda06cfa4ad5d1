// `new algo.LoadBalancer(targets?, { algorithm, key, weight, capacity })` of dialect E3: targets are any values, told
// apart by `key`. Source: pipyjs/globals.md section 6.
() => {
  const option = (options, name, otherwise) => {
    const value = options[name]
    if (value === undefined || value === null) return otherwise
    if (typeof value !== 'function') throw new TypeError(`options.${name} expects a function`)
    return value
  }

  const positive = (name, value) => {
    if (typeof value !== 'number' || !(value >= 0)) throw new TypeError(`${name} of a target expects a number`)
    return value
  }

  return class LoadBalancer {
    constructor(targets, options) {
      options = options || {}
      const algorithm = options.algorithm ?? 'round-robin'
      if (algorithm !== 'round-robin' && algorithm !== 'least-load') {
        throw new TypeError(`options.algorithm expects 'round-robin' or 'least-load', not ${algorithm}`)
      }
      const keyOf = option(options, 'key', target => target)
      const weightOf = option(options, 'weight', () => 1)
      const capacityOf = option(options, 'capacity', () => Infinity)
      const all = new Map // key → { target, weight, capacity, load, picks }

      // The usable one for which `a` comes before all others; the first one of equals.
      const best = (usable, before) => {
        let found = null
        for (const entry of all.values()) {
          if (entry.weight > 0 && usable(entry) && (found === null || before(entry, found))) found = entry
        }
        return found
      }
      const byTurn = (a, b) => a.picks * b.weight < b.picks * a.weight
      const byLoad = (a, b) => {
        const [x, y] = [a.load * b.weight, b.load * a.weight]
        return x === y ? byTurn(a, b) : x < y
      }
      const order = algorithm === 'least-load' ? byLoad : byTurn

      this.provision = targets => {
        const old = new Map(all)
        const pace = [...old.values()].reduce((least, entry) => Math.min(least, entry.picks / entry.weight), Infinity)
        all.clear()
        for (const target of targets || []) {
          const key = keyOf(target)
          const weight = positive('weight', weightOf(target))
          const capacity = positive('capacity', capacityOf(target))
          const entry = old.get(key) || {
            load: 0,
            picks: pace < Infinity ? Math.floor(pace * weight) : 0,
          }
          all.set(key, Object.assign(entry, { target, weight, capacity }))
        }
      }

      this.schedule = n => {
        const chosen = []
        const count = Math.min(Math.floor(Number(n)) || 0, 1e6)
        const loads = new Map([...all.values()].map(entry => [entry, entry.load]))
        for (let i = 0; i < count; i++) {
          const entry = best(() => true, order)
          if (entry === null) break
          entry.picks++
          entry.load++
          chosen.push(entry)
        }
        // Planned, not taken.
        for (const [entry, load] of loads) entry.load = load
        return chosen.map(entry => entry.target)
      }

      this.allocate = (key, validator) => {
        const usable = entry => entry.load < entry.capacity && (!validator || validator(entry.target))
        const hasKey = key !== undefined && key !== null
        const named = hasKey ? all.get(key) : undefined
        const entry = named && usable(named) ? named : best(usable, hasKey ? byLoad : order)
        if (entry === null) return null
        entry.picks++
        entry.load++
        let isFreed = false
        const free = () => {
          if (isFreed) return
          isFreed = true
          entry.load--
        }
        return { target: entry.target, free }
      }

      this.provision(targets)
    }
  }
}
