// `new http.Match(pattern)`: a function of a path, or of a head with one, that gives parameters or null.
// Source: pipyjs/globals.md section 8. `{x}` is one segment, a final `*` the rest; fixed segments in any case.
() => class Match {
  constructor(pattern) {
    if (typeof pattern !== 'string') throw new TypeError('argument 1 expects a pattern')
    const parts = pattern.split('/')
    const hasRest = parts[parts.length - 1] === '*'
    if (hasRest) parts.pop()
    const names = parts.map(part => part.length > 2 && part[0] === '{' && part.endsWith('}') ? part.slice(1, -1) : null)
    const fixed = parts.map(part => part.toLowerCase())
    const count = parts.length

    return subject => {
      let path = typeof subject === 'string' ? subject : subject?.path
      if (typeof path !== 'string') return null
      const query = path.indexOf('?')
      if (query >= 0) path = path.slice(0, query)
      const given = path.split('/')
      if (hasRest ? given.length <= count : given.length !== count) return null
      const found = {}
      for (let i = 0; i < count; i++) {
        const segment = given[i]
        if (names[i] !== null) {
          if (segment === '') return null
          found[names[i]] = segment
        } else if (segment !== fixed[i] && segment.toLowerCase() !== fixed[i]) {
          return null
        }
      }
      if (hasRest) found['*'] = given.slice(count).join('/')
      return found
    }
  }
}
