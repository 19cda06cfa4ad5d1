// `new algo.URLRouter(map?)`: values by host and path. Source: pipyjs/globals.md section 6.
// Hosts: exact ones, then `*.suffix` from the longest suffix on, then patterns without a host. In each a tree of path
// segments, of which the longest pattern wins; a final `/*` matches all below a path and the path itself.
() => {
  const node = () => ({ children: new Map, exact: undefined, below: undefined, hasExact: false, hasBelow: false })
  const segments = path => path.split('/').filter(segment => segment !== '')

  const split = text => {
    const slash = text.indexOf('/')
    return slash < 0 ? [text, '/'] : [text.slice(0, slash), text.slice(slash)]
  }

  // Of a request: 'h:80/a?b' → ['h', '/a'].
  const parse = parts => {
    let text = parts.map(String).join('')
    const scheme = text.indexOf('://')
    if (scheme > 0 && text.indexOf('/') === scheme + 1) text = text.slice(scheme + 3)
    const end = text.search(/[?#]/)
    const [host, path] = split(end < 0 ? text : text.slice(0, end))
    return [host.replace(/:\d*$/, '').toLowerCase(), path]
  }

  return class URLRouter {
    constructor(map) {
      const exact = new Map
      const suffixes = new Map // 'example.com' of '*.example.com'
      const any = node()

      const find = (tree, path) => {
        let found
        for (let i = 0, at = tree; ; i++) {
          if (at.hasBelow) found = at.below
          if (i === path.length) return at.hasExact ? at.exact : found
          at = at.children.get(path[i])
          if (at === undefined) return found
        }
      }

      this.add = (pattern, value) => {
        let [host, path] = split(String(pattern))
        host = host.toLowerCase()
        const isBelow = path.endsWith('/*')
        const tree = (hosts, name) => {
          if (!hosts.has(name)) hosts.set(name, node())
          return hosts.get(name)
        }
        let at = host === '' || host === '*' ? any
          : host.startsWith('*.') ? tree(suffixes, host.slice(2))
          : tree(exact, host)
        for (const segment of segments(isBelow ? path.slice(0, -2) : path)) {
          if (!at.children.has(segment)) at.children.set(segment, node())
          at = at.children.get(segment)
        }
        if (isBelow) Object.assign(at, { below: value, hasBelow: true })
        else Object.assign(at, { exact: value, hasExact: true })
      }

      this.find = (...parts) => {
        const [host, text] = parse(parts)
        const path = segments(text)
        const own = exact.get(host)
        let value = own && find(own, path)
        if (value !== undefined) return value
        if (suffixes.size > 0) {
          for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
            const tree = suffixes.get(host.slice(dot + 1))
            value = tree && find(tree, path)
            if (value !== undefined) return value
          }
        }
        return find(any, path)
      }

      if (map !== undefined && map !== null) {
        for (const pattern of Object.keys(map)) this.add(pattern, map[pattern])
      }
    }
  }
}
