// `stats.Counter`, `Gauge`, `Histogram`. Source: pipyjs/globals.md section 10.
// A metric is a tree: the root, and a node for each label value below it, each with values of its own. Methods become
// bound closures of a node when they are first read: many nodes only ever use one. At most `limit` nodes a worker; what
// is beyond counts into one node that nobody sees.
({ limit, failed, keep, sum }) => {
  const registered = new Map // name → root
  let nodes = 0
  const INTERNAL = {}

  const lazily = (target, methods) => {
    for (const name of Object.keys(methods)) {
      Object.defineProperty(target, name, {
        configurable: true,
        get() {
          const method = methods[name](this)
          Object.defineProperty(this, name, { value: method, configurable: true, writable: true })
          return method
        },
      })
    }
  }

  const names = (value, index) => {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) throw new TypeError(`argument ${index} expects an array of label names`)
    return value.map(String)
  }

  const number = (value, otherwise) => {
    if (value === undefined) return otherwise
    const n = Number(value)
    if (Number.isNaN(n)) throw new TypeError('argument 1 expects a number')
    return n
  }

  class Metric {
    constructor(internal, family, label, depth) {
      this._family = family
      this._label = label
      this._depth = depth
      this._children = null
      this._zero()
    }
    get name() { return this._family.name }
    get type() { return this._family.type }
    get dimensions() { return this._family.dimensions }
    get label() { return this._label }
  }
  // What is ours is not shown by Object.keys, console.log and JSON.
  const hide = self => {
    for (const name of ['_family', '_label', '_depth', '_children', '_value']) {
      Object.defineProperty(self, name, { enumerable: false, writable: true, configurable: true })
    }
    return self
  }

  const child = (self, value) => {
    const label = typeof value === 'string' ? value : String(value)
    const family = self._family
    let children = self._children
    if (children === null) children = self._children = new Map
    let found = children.get(label)
    if (found === undefined) {
      if (nodes >= limit) {
        if (family.overflow === null) {
          failed(`stats: more than ${limit} label values; what comes after them is not counted (${family.name})`)
          family.overflow = hide(new family.Class(INTERNAL, family, '', family.dimensions.length))
        }
        return family.overflow
      }
      nodes++
      found = hide(new family.Class(INTERNAL, family, label, self._depth + 1))
      children.set(label, found)
    }
    return found
  }

  const count = self => self._children === null ? 0 : [...self._children.values()].reduce((n, one) => n + 1 + count(one), 0)

  lazily(Metric.prototype, {
    withLabels: self => (...values) => {
      let node = self
      const depth = self._family.dimensions.length
      for (let i = 0; i < values.length && node._depth < depth; i++) node = child(node, values[i])
      return node
    },
    submetrics: self => () => self._children === null ? [] : [...self._children.values()],
    clear: self => () => {
      nodes -= count(self)
      self._children = null
      self._zero()
    },
    zero: self => () => self._zero(),
  })

  const register = (self, Class, type, name, dimensions, onCollect, buckets) => {
    if (typeof name !== 'string' || name === '') throw new TypeError('argument 1 expects a name')
    if (onCollect !== undefined && onCollect !== null && typeof onCollect !== 'function') {
      throw new TypeError('onCollect expects a function')
    }
    const old = registered.get(name)
    if (old !== undefined) nodes -= 1 + count(old)
    else if (nodes >= limit) throw new Error(`more than ${limit} metrics`)
    nodes++
    registered.set(name, self)
    return { name, Class, type, dimensions, buckets, onCollect: onCollect || null, overflow: null }
  }

  class Counter extends Metric {
    constructor(name, dimensions, onCollect) {
      if (name === INTERNAL) return super(...arguments)
      super(INTERNAL, null, '', 0)
      this._family = register(this, Counter, 'Counter', name, names(dimensions, 2), onCollect, [])
      hide(this)
    }
    _zero() { this._value = 0 }
    get value() { return this._value }
    _values() { return [this._value] }
    _restore([value]) { this._value = value }
  }
  lazily(Counter.prototype, {
    increase: self => n => { self._value += n === undefined ? 1 : number(n) },
  })

  class Gauge extends Metric {
    constructor(name, dimensions, onCollect) {
      if (name === INTERNAL) return super(...arguments)
      super(INTERNAL, null, '', 0)
      this._family = register(this, Gauge, 'Gauge', name, names(dimensions, 2), onCollect, [])
      hide(this)
    }
    _zero() { this._value = 0 }
    get value() { return this._value }
    _values() { return [this._value] }
    _restore([value]) { this._value = value }
  }
  lazily(Gauge.prototype, {
    increase: self => n => { self._value += n === undefined ? 1 : number(n) },
    decrease: self => n => { self._value -= n === undefined ? 1 : number(n) },
    set: self => n => { self._value = number(n, 0) },
  })

  class Histogram extends Metric {
    constructor(name, buckets, dimensions, onCollect) {
      if (name === INTERNAL) return super(...arguments)
      if (!Array.isArray(buckets) || buckets.length === 0) throw new TypeError('argument 2 expects an array of buckets')
      const bounds = buckets.map(Number)
      bounds.forEach((bound, i) => {
        if (Number.isNaN(bound)) throw new TypeError('a bucket expects a number')
        if (i > 0 && bound <= bounds[i - 1]) throw new Error('buckets are not in ascending order')
      })
      super(INTERNAL, { buckets: bounds }, '', 0)
      this._family = register(this, Histogram, 'Histogram', name, names(dimensions, 3), onCollect, bounds)
      hide(this)
    }
    // Counts by bucket, then count and sum.
    _zero() { this._value = new Array(this._family.buckets.length + 2).fill(0) }
    get value() { return this._value.slice() }
    _values() { return this._value }
    _restore(values) { this._value = values }
  }
  lazily(Histogram.prototype, {
    observe: self => n => {
      n = number(n, 0)
      const bounds = self._family.buckets
      const value = self._value
      const last = bounds.length
      // A value beyond all buckets is in none of them, but counted.
      for (let i = 0; i < last; i++) {
        if (n <= bounds[i]) {
          value[i]++
          break
        }
      }
      value[last]++
      value[last + 1] += n
    },
    percentile: self => percent => {
      const bounds = self._family.buckets
      const rank = Math.min(Math.max(number(percent, 0), 0), 100) / 100 * self._value[bounds.length]
      let before = 0
      for (let i = 0; i < bounds.length; i++) {
        const counted = self._value[i]
        if (counted > 0 && before + counted >= rank) {
          const low = i > 0 ? bounds[i - 1] : Math.min(0, bounds[0])
          return bounds[i] === Infinity ? low : low + (bounds[i] - low) * (rank - before) / counted
        }
        before += counted
      }
      return before > 0 ? bounds[bounds.length - 1] : 0
    },
  })

  const classes = { Counter, Gauge, Histogram }

  // [label, values, children] of a node.
  const dump = node => [node._label, node._values(), node._children === null ? [] : [...node._children.values()].map(dump)]

  // For the engine: [name, type, dimensions, buckets, node] of all metrics.
  const collect = runs => [...registered.values()].map(root => {
    const { name, type, dimensions, buckets, onCollect } = root._family
    if (runs && onCollect !== null) {
      try {
        onCollect(root)
      } catch (error) {
        failed(`onCollect of ${name}: ${error}`)
      }
    }
    return [name, type, dimensions, buckets, dump(root)]
  })

  // Metrics of all threads, as objects that stand for themselves.
  const restore = all => Object.fromEntries(all.map(([name, type, dimensions, buckets, root]) => {
    const Class = classes[type]
    const family = { name, Class, type, dimensions, buckets, onCollect: null, overflow: null }
    const build = ([label, values, children], depth) => {
      const node = hide(new Class(INTERNAL, family, label, depth))
      node._restore(values)
      if (children.length > 0) node._children = new Map(children.map(one => [one[0], build(one, depth + 1)]))
      return node
    }
    return [name, build(root, 0)]
  }))

  keep(collect)
  const summed = wanted => sum(wanted === undefined || wanted === null ? undefined : names(wanted, 1)).then(restore)
  return { stats: { ...classes, sum: summed } }
}
