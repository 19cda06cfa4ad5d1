// Context variables for scripts. A bare name `_x` of module 3 is rewritten to `$s.value._x$3` (script/rewrite.rs);
// `$s` is the holder below, and its `value` is the variables object of the context that the engine has entered.
(inboundOf) => {
  const bare = key => key.slice(0, key.lastIndexOf('$'))
  const unresolved = new Proxy(Object.create(null), {
    get(_, key) {
      if (typeof key === 'symbol') return undefined
      const name = bare(key)
      if (name in globalThis) return globalThis[name]
      throw new ReferenceError(`unresolved identifier ${name}`)
    },
    set(_, key, value, receiver) {
      // While scripts load there are no contexts: `p = pipy()` names a value for the rest of the load (dialect E1).
      if (receiver === load) {
        Object.defineProperty(load, key, { value, writable: true, enumerable: true, configurable: true })
        return true
      }
      throw new ReferenceError(`unresolved identifier ${bare(key)}`)
    },
  })
  const load = Object.create(unresolved)
  const holder = { value: load }

  // initial: slot → first value; aliases: [slot, target slot] of imports; returns the maker of variables objects,
  // generated so that all of them share one shape and copying is straight-line code.
  const bind = (initial, aliases, inbounds) => {
    const shared = Object.create(load)
    aliases.forEach(([slot, target]) =>
      Object.defineProperty(shared, slot, {
        get() { return this[target] },
        set(value) { this[target] = value },
      }))
    inbounds.forEach(slot => Object.defineProperty(shared, slot, { get: inboundOf }))
    const fields = Object.keys(initial).map(slot => JSON.stringify(slot)).map(slot => `${slot}: from[${slot}]`)
    const create = Function('shared', `return from => ({ __proto__: shared, ${fields.join(', ')} })`)(shared)
    return from => create(from || initial)
  }
  const define = (slot, value) => Object.defineProperty(load, slot, { value, configurable: true })
  return { holder, load, bind, define }
}
