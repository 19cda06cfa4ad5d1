// Context variables for scripts. A bare name `_x` of module 3 is rewritten to `$s_.value._x$3` (script/rewrite.rs);
// `$s_` is the holder below, and its `value` is the variables object of the context that the engine has entered.
(inboundOf) => {
  const bare = key => key.slice(0, key.lastIndexOf('$'))
  // Slots of fiber variables (`var $x` at the top level of a file) of modules that have run.
  const fibers = new Set
  const unbound = key => new ReferenceError(fibers.has(key)
    ? `${bare(key)} belongs to a context, and this code runs in none`
    : `unresolved identifier ${bare(key)}`)
  const unresolved = new Proxy(Object.create(null), {
    get(_, key) {
      if (typeof key === 'symbol') return undefined
      const name = bare(key)
      if (name in globalThis) return globalThis[name]
      throw unbound(key)
    },
    set(_, key, value, receiver) {
      // While scripts load there are no contexts: `p = pipy()` names a value for the rest of the load (dialect E1).
      if (receiver === load && !fibers.has(key)) {
        Object.defineProperty(load, key, { value, writable: true, enumerable: true, configurable: true })
        return true
      }
      throw unbound(key)
    },
  })
  const load = Object.create(unresolved)
  const holder = { value: load }

  const shared = Object.create(load)
  const initial = {}
  let isBound = false

  // more: slot → first value; aliases: [slot, target slot] of imports; returns what variables objects are made of: slot →
  // first value of all, and what they inherit from. Called again when modules come late.
  const bind = (more, aliases, inbounds, slots) => {
    slots.forEach(slot => {
      more[slot] = load[slot]
      delete load[slot]
      fibers.add(slot)
    })
    // Contexts that are older than a module find its first values here.
    if (isBound) Object.keys(more).forEach(slot =>
      Object.defineProperty(shared, slot, { value: more[slot], writable: true, configurable: true }))
    isBound = true
    Object.assign(initial, more)
    aliases.forEach(([slot, target]) =>
      Object.defineProperty(shared, slot, {
        get() { return this[target] },
        set(value) { this[target] = value },
      }))
    inbounds.forEach(slot => Object.defineProperty(shared, slot, { get: inboundOf, configurable: true }))
    return { initial, shared }
  }
  const define = (slot, value) => Object.defineProperty(load, slot, { value, configurable: true })
  // While its file is loaded a fiber variable is a property of the loading scope: its first value.
  const declare = slots => slots.forEach(slot =>
    Object.defineProperty(load, slot, { value: undefined, writable: true, enumerable: true, configurable: true }))
  return { holder, load, bind, define, declare }
}
