// Replaces the methods of a native class by accessors that give bound ones, made once an object and method.
prototype => {
  for (const [name, { value, writable }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (typeof value !== 'function' || name === 'constructor') continue
    Object.defineProperty(prototype, name, {
      configurable: true,
      get() {
        const bound = value.bind(this)
        Object.defineProperty(this, name, { value: bound, configurable: true, writable })
        return bound
      },
    })
  }
}
