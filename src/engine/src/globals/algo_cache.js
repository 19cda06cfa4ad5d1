// `new algo.Cache(alloc?, free?, { size, ttl }?)`. Source: pipyjs/globals.md section 6.
// Three tables behind one interface: without limits a look-up is a Map's; with `size` a Map in order of use, least
// recent first; with `ttl` entries know when they are due, and old ones leave a few at a time as new ones come.
({ seconds, now }) => {
  const SWEPT = 2 // entries looked at for each new one: more leave than come

  const plain = (alloc, free) => {
    const table = new Map
    const get = (key, ...args) => {
      const value = table.get(key)
      if (value !== undefined || table.has(key)) return value
      if (!alloc) return undefined
      const made = alloc(key, ...args)
      table.set(key, made)
      return made
    }
    const remove = key => {
      if (!table.has(key)) return false
      const value = table.get(key)
      table.delete(key)
      if (free) free(key, value)
      return true
    }
    const clear = () => {
      const all = [...table]
      table.clear()
      if (free) all.forEach(([key, value]) => free(key, value))
    }
    return {
      get, remove, clear,
      set: (key, value) => { table.set(key, value) },
      has: key => table.has(key),
      find: key => table.get(key),
    }
  }

  const bounded = (alloc, free, size, ttl) => {
    const table = new Map
    const drop = (key, entry) => {
      table.delete(key)
      if (free) free(key, entry.value)
    }
    // The living entry; one that is due leaves.
    const living = key => {
      const entry = table.get(key)
      if (entry === undefined) return undefined
      if (ttl && entry.due <= now()) {
        drop(key, entry)
        return undefined
      }
      return entry
    }
    const used = key => {
      const entry = living(key)
      if (entry !== undefined && size) {
        table.delete(key)
        table.set(key, entry)
      }
      return entry
    }
    const sweep = () => {
      const time = now()
      let left = SWEPT
      for (const [key, entry] of table) {
        if (entry.due > time || left-- === 0) break
        drop(key, entry)
      }
    }
    const set = (key, value) => {
      table.delete(key)
      table.set(key, { value, due: ttl ? now() + ttl * 1000 : 0 })
      if (ttl) sweep()
      while (size && table.size > size) {
        const [oldest, entry] = table.entries().next().value
        drop(oldest, entry)
      }
    }
    return {
      get: (key, ...args) => {
        const entry = used(key)
        if (entry !== undefined) return entry.value
        if (!alloc) return undefined
        const value = alloc(key, ...args)
        set(key, value)
        return value
      },
      set,
      has: key => living(key) !== undefined,
      find: key => {
        const entry = used(key)
        return entry === undefined ? undefined : entry.value
      },
      remove: key => {
        const entry = living(key)
        if (entry === undefined) return false
        drop(key, entry)
        return true
      },
      clear: () => {
        const all = [...table]
        table.clear()
        if (free) all.forEach(([key, entry]) => free(key, entry.value))
      },
    }
  }

  const callback = (value, index) => {
    if (value === undefined || value === null) return null
    if (typeof value !== 'function') throw new TypeError(`argument ${index} expects a function`)
    return value
  }

  return class Cache {
    constructor(alloc, free, options) {
      if (alloc !== null && typeof alloc === 'object' && free === undefined) [alloc, options] = [null, alloc]
      alloc = callback(alloc, 1)
      free = callback(free, 2)
      options = options || {}
      const size = Math.floor(Number(options.size ?? 0))
      if (!(size >= 0)) throw new TypeError('options.size expects a number')
      const ttl = seconds(options.ttl ?? 0)
      if (ttl === undefined) throw new TypeError('options.ttl expects a number')
      const table = size || ttl ? bounded(alloc, free, size, ttl) : plain(alloc, free)
      for (const name in table) this[name] = table[name]
    }
  }
}
