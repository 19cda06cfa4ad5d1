// What scripts rely on beyond standard JavaScript. Source: pipyjs/model.md section 4, items 1, 10 and 15.
(capture, enter, plain) => {
  // Promise callbacks run in the context in which `then` was called.
  const then = Promise.prototype.then
  const wrap = (context, f) =>
    typeof f === 'function' ? value => { enter(context); return f(value) } : f
  Promise.prototype.then = function (resolved, rejected) {
    const context = capture()
    return then.call(this, wrap(context, resolved), wrap(context, rejected))
  }

  // Upstream gives the key first, so scripts name the parameters that way.
  const each = Map.prototype.forEach
  Map.prototype.forEach = function (callback, self) {
    each.call(this, (value, key, map) => callback.call(self, key, value, map))
  }

  // Lenient with null, as upstream is.
  for (const name of ['keys', 'values', 'entries']) {
    const standard = Object[name]
    Object[name] = value => value === null || value === undefined ? null : standard(value)
  }
  const assign = Object.assign
  Object.assign = (target, ...sources) => target === null || target === undefined ? null : assign(target, ...sources)

  // Heads are native until a script does what only a plain object can (js/exotic.rs). These do not say so.
  const behind = (owner, name) => {
    const standard = owner[name]
    owner[name] = (object, ...rest) => {
      const target = plain(object)
      const result = standard(target, ...rest)
      return result === target ? object : result
    }
  }
  const names = [
    'defineProperty', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'isExtensible', 'preventExtensions', 'setPrototypeOf',
  ]
  names.forEach(name => { behind(Object, name); behind(Reflect, name) })
  for (const name of ['defineProperties', 'freeze', 'getOwnPropertyDescriptors', 'isFrozen', 'isSealed', 'seal']) {
    behind(Object, name)
  }
  for (const name of ['__defineGetter__', '__defineSetter__']) {
    const standard = Object.prototype[name]
    const value = function (...rest) { return standard.apply(plain(this), rest) }
    Object.defineProperty(Object.prototype, name, { value })
  }
}
