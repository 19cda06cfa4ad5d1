// `new algo.SharedMap(name)`: the functions are Rust's (algo_shared_map.rs). Source: pipyjs/globals.md section 6.
({ open }) => class SharedMap {
  constructor(name) {
    if (typeof name !== 'string' || name === '') throw new TypeError('argument 1 expects a name')
    open(this, name)
  }
}
