// What scripts rely on beyond standard JavaScript. Source: pipyjs/model.md section 4, items 1 and 10.
(capture, enter) => {
  // Promise callbacks run in the context in which `then` was called.
  const then = Promise.prototype.then
  const wrap = (context, f) =>
    typeof f === 'function' ? value => { enter(context); return f(value) } : f
  Promise.prototype.then = function (resolved, rejected) {
    const context = capture()
    return then.call(this, wrap(context, resolved), wrap(context, rejected))
  }

  // Lenient with null, as upstream is.
  for (const name of ['keys', 'values', 'entries']) {
    const standard = Object[name]
    Object[name] = value => value === null || value === undefined ? null : standard(value)
  }
  const assign = Object.assign
  Object.assign = (target, ...sources) => target === null || target === undefined ? null : assign(target, ...sources)
}
