// `new http.Directory(path, options?)`: files of the codebase, or with `fs` of the system, as responses. Source:
// pipyjs/globals.md section 8. Files are read once and kept, up to `limit` bytes; beyond that they are read each time.
({ load, read, untar, takes, types, limit }) => {
  const boolean = (options, name) => {
    const value = options[name]
    if (value === undefined || value === null) return false
    if (typeof value !== 'boolean') throw new TypeError(`options.${name} expects a boolean`)
    return value
  }

  // Without query and dots: nothing leads out of the directory.
  const clean = path => {
    const end = path.search(/[?#]/)
    if (end >= 0) path = path.slice(0, end)
    if (path.includes('%')) {
      try {
        path = decodeURIComponent(path)
      } catch {
        return null
      }
    }
    if (path.includes('\0')) return null
    const parts = []
    for (const part of path.split('/')) {
      if (part === '..') parts.pop()
      else if (part !== '' && part !== '.') parts.push(part)
    }
    return '/' + parts.join('/')
  }

  const extension = path => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const dot = name.indexOf('.')
    return dot < 0 ? '' : name.slice(dot + 1).toLowerCase()
  }

  class Directory {
    constructor(path, options) {
      if (typeof path !== 'string') throw new TypeError('argument 1 expects a path')
      options = options || {}
      let source = boolean(options, 'fs') ? read : load
      let root = path.replace(/\/+$/, '')
      if (boolean(options, 'tarball')) {
        const archive = source(root)
        if (archive === null) throw new Error(`http.Directory: there is no archive ${root}`)
        source = untar(root, archive)
        root = ''
      }
      const index = options.index ?? ['index.html']
      if (!Array.isArray(index)) throw new TypeError('options.index expects an array')
      const contentTypes = options.contentTypes ?? types
      const defaultType = options.defaultContentType ?? 'application/octet-stream'
      const compression = options.compression ?? null
      if (compression !== null && typeof compression !== 'function') {
        throw new TypeError('options.compression expects a function')
      }
      const kept = new Map
      let bytes = 0

      const get = path => {
        const known = kept.get(path)
        if (known !== undefined) return known
        const file = { path, raw: source(root + path), gzip: source(`${root}${path}.gz`), br: source(`${root}${path}.br`) }
        if (file.raw === null && file.gzip === null && file.br === null) return null
        const size = [file.raw, file.gzip, file.br].reduce((sum, data) => sum + (data === null ? 0 : data.size), 0)
        if (bytes + size <= limit) {
          bytes += size
          kept.set(path, file)
        }
        return file
      }

      const find = path => {
        let file = get(path)
        const folder = path === '/' ? '' : path
        for (let i = 0; file === null && i < index.length; i++) file = get(`${folder}/${index[i]}`)
        return file
      }

      const typeOf = (request, path) => {
        const given = typeof contentTypes === 'function' ? contentTypes(request, path) : contentTypes
        if (typeof given === 'string') return given
        return given?.[extension(path)] ?? defaultType
      }

      this.serve = request => {
        const path = clean(String(request?.head?.path ?? '/'))
        const file = path === null ? null : find(path)
        if (file === null) return null
        const accepts = String(request.head.headers?.['accept-encoding'] ?? '')
        const accepted = { gzip: takes(accepts, 'gzip') > 0, br: takes(accepts, 'br') > 0 }
        const headers = { 'content-type': typeOf(request, file.path) }
        let body = file.raw
        // What the client likes best; br where it likes both.
        const weight = coding => file[coding] === null ? 0 : takes(accepts, coding)
        let coding = weight('br') > 0 && weight('br') >= weight('gzip') ? 'br' : weight('gzip') > 0 ? 'gzip' : null
        if (coding !== null) {
          body = file[coding]
        } else if (body === null) {
          return null
        } else if (compression !== null) {
          // DEVIATES: nothing here compresses by brotli; who wants it gets gzip, if the client takes that.
          const wanted = compression(request, accepted, file.path, body.size)
          if (wanted === 'gzip' || (wanted === 'br' && accepted.gzip)) {
            coding = 'gzip'
            file.packed = file.packed ?? zlib.gzip(body)
            body = file.packed
          }
        }
        if (coding !== null) headers['content-encoding'] = coding
        return new Message({ status: 200, headers }, body)
      }
    }
  }
  Directory.defaultContentTypes = types
  return Directory
}
