// `new algo.ResourcePool(fn(key))`: items of several pools, made when none is idle. Source: pipyjs/globals.md section 6.
() => class ResourcePool {
  constructor(make) {
    if (typeof make !== 'function') throw new TypeError('argument 1 expects a function')
    const pools = new Map // key → idle items
    const lent = new Map // item → key
    const tags = new Map // item → the tag that it was last used with

    this.allocate = (key, tag) => {
      let idle = pools.get(key)
      if (idle === undefined) pools.set(key, idle = [])
      // One that was used with the same tag before, else the one that was freed last.
      const same = tag === undefined ? -1 : idle.findLastIndex(item => tags.get(item) === tag)
      const item = idle.length === 0 ? make(key) : idle.splice(same < 0 ? idle.length - 1 : same, 1)[0]
      lent.set(item, key)
      if (tag !== undefined) tags.set(item, tag)
      return item
    }
    this.free = item => {
      if (!lent.has(item)) return
      pools.get(lent.get(item)).push(item)
      lent.delete(item)
    }
  }
}
