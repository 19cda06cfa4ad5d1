// `new CStruct({ field: type })`, `new CUnion({ field: type })`, `new CString(size)`. Source: pipyjs/globals.md section 12.
// Sizes, alignment and byte order are those of C on the machines that this runs on: 64 bits, little endian.
({ bytesOf, most }) => {
  const dataOf = bytes => new Data(Array.from(bytes))
  const LITTLE = true
  // Where an object keeps its layout: each of the classes is made apart from the others.
  const LAYOUT = Symbol.for('layout in C')

  // A 64-bit number that a number holds exactly is one.
  const long = (type, value) => Number.isSafeInteger(Number(value)) ? Number(value) : new Int(type, value)
  const whole = value => BigInt((value instanceof Int ? value : new Int('i64', value)).toString())
  const number = value => value instanceof Int ? value.valueOf() : Number(value)

  const scalar = (name, size, method) => ({
    name,
    size,
    align: size,
    read: (view, at) => view['get' + method](at, LITTLE),
    write: (view, at, value) => view['set' + method](at, number(value), LITTLE),
  })
  const SCALARS = {
    int8: scalar('int8', 1, 'Int8'),
    int16: scalar('int16', 2, 'Int16'),
    int32: scalar('int32', 4, 'Int32'),
    uint8: scalar('uint8', 1, 'Uint8'),
    uint16: scalar('uint16', 2, 'Uint16'),
    uint32: scalar('uint32', 4, 'Uint32'),
    float: scalar('float', 4, 'Float32'),
    double: scalar('double', 8, 'Float64'),
    int64: {
      ...scalar('int64', 8),
      read: (view, at) => long('i64', view.getBigInt64(at, LITTLE)),
      write: (view, at, value) => view.setBigInt64(at, whole(value), LITTLE),
    },
    uint64: {
      ...scalar('uint64', 8),
      read: (view, at) => long('u64', view.getBigUint64(at, LITTLE)),
      write: (view, at, value) => view.setBigUint64(at, whole(value), LITTLE),
    },
  }

  const bytes = (view, at, size) => new Uint8Array(view.buffer, view.byteOffset + at, size)

  // Text: up to the first zero byte.
  const text = size => ({
    name: `char[${size}]`,
    size,
    align: 1,
    read: (view, at) => {
      const all = bytes(view, at, size)
      const end = all.indexOf(0)
      return dataOf(end < 0 ? all : all.subarray(0, end)).toString()
    },
    write: (view, at, value) => {
      const given = bytesOf(value instanceof Data ? value : String(value))
      bytes(view, at, size).set(given.subarray(0, size))
    },
  })

  const array = (element, count) => ({
    name: `${element.name}[${count}]`,
    size: element.size * count,
    align: element.align,
    read: (view, at) => Array.from({ length: count }, (_, i) => element.read(view, at + i * element.size)),
    write: (view, at, value) => {
      const values = Array.isArray(value) ? value : [...bytesOf(value)]
      values.slice(0, count).forEach((value, i) => element.write(view, at + i * element.size, value))
    },
  })

  const typeOf = (type, field) => {
    if (type?.[LAYOUT]) return type[LAYOUT]
    const [, name, count] = /^\s*(\w+)\s*(?:\[\s*(\d+)\s*\])?\s*$/.exec(type) ?? []
    if (name === 'char') return text(Number(count ?? 1))
    if (!Object.hasOwn(SCALARS, name)) throw new TypeError(`${field}: '${type}' is no type; int8 to uint64, float, double, char, with [n]`)
    return count === undefined ? SCALARS[name] : array(SCALARS[name], Number(count))
  }

  const upTo = (size, align) => Math.ceil(size / align) * align

  const structure = (name, given, isUnion) => {
    if (given === null || typeof given !== 'object') throw new TypeError('argument 1 expects an object of types by field')
    let size = 0, align = 1
    const fields = Object.entries(given).map(([field, type]) => {
      const layout = typeOf(type, field)
      const offset = isUnion ? 0 : upTo(size, layout.align)
      size = Math.max(size, offset + layout.size)
      if (size > most) throw new Error(`${name}: longer than ${most} bytes`)
      align = Math.max(align, layout.align)
      return { field, layout, offset }
    })
    return {
      name,
      size: upTo(size, align),
      align,
      fields,
      read: (view, at) => Object.fromEntries(fields.map(({ field, layout, offset }) => [field, layout.read(view, at + offset)])),
      write: (view, at, value) => fields.forEach(({ field, layout, offset }) => {
        const given = value[field]
        if (given !== undefined && given !== null) layout.write(view, at + offset, given)
      }),
    }
  }

  const define = (self, layout) => {
    Object.defineProperty(self, LAYOUT, { value: layout })
    self.size = layout.size
    self.encode = value => {
      const all = new Uint8Array(layout.size)
      if (value !== undefined && value !== null) layout.write(new DataView(all.buffer), 0, value)
      return dataOf(all)
    }
    self.decode = data => {
      const all = bytesOf(data)
      if (all.length < layout.size) throw new Error(`${layout.name}.decode: ${all.length} bytes of ${layout.size}`)
      return layout.read(new DataView(all.buffer, all.byteOffset, all.byteLength), 0)
    }
    self.reflect = () => ({
      size: layout.size,
      align: layout.align,
      fields: (layout.fields ?? []).map(({ field, layout, offset }) => ({ name: field, type: layout.name, offset, size: layout.size })),
    })
  }

  class CStruct {
    constructor(fields) { define(this, structure('CStruct', fields, false)) }
  }
  class CUnion {
    constructor(fields) { define(this, structure('CUnion', fields, true)) }
  }
  class CString {
    constructor(size) {
      if (!Number.isInteger(size) || size < 0 || size > most) throw new TypeError(`argument 1 expects a size up to ${most}`)
      define(this, { ...text(size), name: 'CString' })
    }
  }
  return { CStruct, CUnion, CString }
}
