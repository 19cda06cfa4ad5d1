// `protobuf`: messages by field number. Source: pipyjs/globals.md section 12; "Encoding" of protobuf.dev.
// A field is the list of what came for its number: `{ wire, value }`, value a BigInt for wire types 0, 1 and 5, bytes for 2, or a Message.
({ bytesOf, deepest }) => {
  const dataOf = bytes => new Data(Array.from(bytes))
  // The functions are made one by one, yet of one Message: it is kept where all find it.
  const SHARED = Symbol.for('protobuf')
  const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5

  const wrong = what => new Error(`protobuf.decode: ${what}`)
  const long = (type, value) => Number.isSafeInteger(Number(value)) ? Number(value) : new Int(type, value)
  const whole = (type, value) => BigInt(new Int(type, value).toString())
  const float = (width, method) => ({
    of: bits => {
      const view = new DataView(new ArrayBuffer(8))
      view.setBigUint64(0, bits << BigInt(64 - width))
      return view['get' + method](0)
    },
    to: value => {
      const view = new DataView(new ArrayBuffer(8))
      view['set' + method](0, Number(value))
      return view.getBigUint64(0) >> BigInt(64 - width)
    },
  })
  const zigzag = (type, last) => ({
    of: bits => long(type, bits >> 1n ^ -(bits & 1n)),
    to: value => (value = whole(type, value), BigInt.asUintN(64, value << 1n ^ value >> last)),
  })
  const integer = (type, width, sent) => ({
    of: bits => type[0] === 'u' ? long(type, BigInt.asUintN(width, bits)) : long(type, BigInt.asIntN(width, bits)),
    // A negative int32 is sent as 64 bits.
    to: value => BigInt.asUintN(sent ?? 64, whole(type, value)),
  })
  const TYPES = {
    Int32: { wire: VARINT, none: 0, ...integer('i32', 32) },
    Int64: { wire: VARINT, none: 0, ...integer('i64', 64) },
    Uint32: { wire: VARINT, none: 0, ...integer('u32', 32) },
    Uint64: { wire: VARINT, none: 0, ...integer('u64', 64) },
    Sint32: { wire: VARINT, none: 0, ...zigzag('i32', 31n) },
    Sint64: { wire: VARINT, none: 0, ...zigzag('i64', 63n) },
    Enum: { wire: VARINT, none: 0, ...integer('i32', 32) },
    Bool: { wire: VARINT, none: false, of: bits => bits !== 0n, to: value => value ? 1n : 0n },
    Fixed32: { wire: FIXED32, none: 0, ...integer('u32', 32) },
    Sfixed32: { wire: FIXED32, none: 0, ...integer('i32', 32, 32) },
    Float: { wire: FIXED32, none: 0, ...float(32, 'Float32') },
    Fixed64: { wire: FIXED64, none: 0, ...integer('u64', 64) },
    Sfixed64: { wire: FIXED64, none: 0, ...integer('i64', 64) },
    Double: { wire: FIXED64, none: 0, ...float(64, 'Float64') },
  }
  TYPES.UInt32 = TYPES.Uint32
  TYPES.UInt64 = TYPES.Uint64
  TYPES.SInt32 = TYPES.Sint32
  TYPES.SInt64 = TYPES.Sint64
  TYPES.SFixed32 = TYPES.Sfixed32
  TYPES.SFixed64 = TYPES.Sfixed64

  const reader = bytes => {
    let at = 0
    const take = count => {
      if (count > bytes.length - at) throw wrong('the data ends inside of a field')
      at += count
      return bytes.subarray(at - count, at)
    }
    const fixed = width => take(width).reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n)
    const varint = () => {
      let sum = 0n
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const [byte] = take(1)
        sum |= BigInt(byte & 127) << shift
        if (byte < 128) return BigInt.asUintN(64, sum)
      }
      throw wrong('a number is longer than 10 bytes')
    }
    const value = wire => {
      switch (wire) {
        case VARINT: return varint()
        case FIXED64: return fixed(8)
        case FIXED32: return fixed(4)
        case BYTES: return take(Number(varint()))
      }
      throw wrong(`wire type ${wire} is none of 0, 1, 2, 5`)
    }
    return { more: () => at < bytes.length, varint, value }
  }

  const writer = () => {
    const out = []
    const fixed = (value, width) => {
      for (let i = 0; i < width; i++, value >>= 8n) out.push(Number(value & 255n))
    }
    const varint = value => {
      for (; value > 127n; value >>= 7n) out.push(Number(value & 127n) | 128)
      out.push(Number(value))
    }
    const value = (wire, given) => {
      switch (wire) {
        case VARINT: return varint(given)
        case FIXED64: return fixed(given, 8)
        case FIXED32: return fixed(given, 4)
      }
      varint(BigInt(given.length))
      for (const byte of given) out.push(byte)
    }
    return { out, varint, value }
  }

  const parse = bytes => {
    const fields = new Map
    const read = reader(bytes)
    while (read.more()) {
      const key = read.varint()
      const number = Number(key >> 3n), wire = Number(key & 7n)
      if (number < 1 || number > 0x1fffffff) throw wrong(`${number} is no field number`)
      const entry = { wire, value: read.value(wire) }
      const known = fields.get(number)
      known ? known.push(entry) : fields.set(number, [entry])
    }
    return fields
  }

  const FIELDS = Symbol('fields')

  const write = (message, depth) => {
    if (depth > deepest) throw new Error(`protobuf.encode: messages nest deeper than ${deepest}`)
    const { out, varint, value } = writer()
    for (const [number, entries] of message[FIELDS]) {
      for (const entry of entries) {
        varint(BigInt(number) << 3n | BigInt(entry.wire))
        value(entry.wire, entry.value instanceof Message ? write(entry.value, depth + 1) : entry.value)
      }
    }
    return out
  }

  const checked = number => {
    number = Number(number)
    if (!Number.isInteger(number) || number < 1 || number > 0x1fffffff) throw new TypeError('argument 1 expects a field number')
    return number
  }

  class Message {
    constructor(data) {
      const fields = data === undefined || data === null ? new Map : parse(bytesOf(data))
      Object.defineProperty(this, FIELDS, { value: fields })
      const all = number => fields.get(checked(number)) ?? []
      const set = (number, entries) => {
        number = checked(number)
        entries.length > 0 ? fields.set(number, entries) : fields.delete(number)
        return this
      }
      const list = (value, make) => {
        if (value === undefined || value === null) return []
        if (!Array.isArray(value)) throw new TypeError('argument 2 expects an array')
        return value.map(make)
      }
      const define = (name, get, getAll, set, setAll) => Object.entries({
        ['get' + name]: get, [`get${name}Array`]: getAll, ['set' + name]: set, [`set${name}Array`]: setAll,
      }).forEach(([name, value]) => Object.defineProperty(this, name, { value }))

      for (const [name, { wire, none, of, to }] of Object.entries(TYPES)) {
        // Single values, and packed ones.
        const values = number => all(number).flatMap(entry => {
          if (entry.wire === wire) return [of(entry.value)]
          if (entry.wire !== BYTES || entry.value instanceof Message) return []
          const read = reader(entry.value), values = []
          while (read.more()) values.push(of(read.value(wire)))
          return values
        })
        define(
          name,
          number => values(number).at(-1) ?? none,
          values,
          (number, value) => set(number, value === undefined || value === null ? [] : [{ wire, value: to(value) }]),
          (number, array) => {
            const { out, value } = writer()
            list(array, item => value(wire, to(item)))
            return set(number, out.length > 0 ? [{ wire: BYTES, value: Uint8Array.from(out) }] : [])
          },
        )
      }

      // What has a length: text, bytes, messages.
      const sized = (name, none, of, to) => {
        const entry = value => ({ wire: BYTES, value: to(value) })
        const values = number => all(number).filter(entry => entry.wire === BYTES).map(of)
        define(
          name,
          number => values(number).at(-1) ?? none(),
          values,
          (number, value) => set(number, value === undefined || value === null ? [] : [entry(value)]),
          (number, array) => set(number, list(array, entry)),
        )
      }
      const bytes = ({ value }) => value instanceof Message ? Uint8Array.from(write(value, 0)) : value
      sized('String', () => '', entry => dataOf(bytes(entry).slice()).toString(), value => bytesOf(String(value)))
      sized('Bytes', () => new Data, entry => dataOf(bytes(entry).slice()), bytesOf)
      // Kept as it was read: what is set in it is sent with the rest.
      const inner = entry => entry.value instanceof Message ? entry.value : entry.value = new Message(dataOf(entry.value.slice()))
      sized('Message', () => null, inner, value => {
        if (!(value instanceof Message)) throw new TypeError('argument 2 expects a Message')
        return value
      })
      Object.defineProperty(this, 'getWireType', { value: number => all(number)[0]?.wire })
    }
  }

  return globalThis[SHARED] ??= {
    Message,
    decode: data => new Message(data),
    encode: message => {
      if (!(message instanceof Message)) throw new TypeError('argument 1 expects a Message')
      return dataOf(Uint8Array.from(write(message, 0)))
    },
  }
}
