// `new Int(value)`, `new Int(type, value?)`: whole numbers of 8 to 64 bits, which wrap as those of C do. Source: pipyjs/globals.md section 1.
// In arithmetic an Int is a number, exact up to 2^53 (`valueOf`). Bytes are in network order.
() => {
  const TYPE = /^([iu])(8|16|32|64)$/

  // Longest text of a number, and what is shown of one that is none: to read it takes time that grows with its square.
  const LONGEST_TEXT = 1024, SHOWN_TEXT = 64

  // Any value as a BigInt; what is no number is 0, as `| 0` has it.
  const big = value => {
    if (value === undefined || value === null) return 0n
    if (typeof value === 'bigint') return value
    if (value instanceof Int) return BigInt(value.toString())
    if (typeof value === 'string') {
      if (value.length > LONGEST_TEXT) throw new RangeError('too long')
      return BigInt(value)
    }
    if (value instanceof Data) value = value.toArray()
    if (Array.isArray(value)) return value.slice(-8).reduce((sum, byte) => sum << 8n | BigInt(byte & 255), 0n)
    const number = Math.trunc(Number(value))
    return Number.isFinite(number) ? BigInt(number) : 0n
  }

  class Int {
    constructor(...args) {
      const named = typeof args[0] === 'string' ? TYPE.exec(args[0]) : null
      const [type, given] = named ? args : ['i64', args[0]]
      const isUnsigned = type[0] === 'u'
      const width = named ? Number(named[2]) : 64
      let value
      try {
        value = big(given)
      } catch {
        const text = String(given)
        throw new Error(`'${text.length > SHOWN_TEXT ? text.slice(0, SHOWN_TEXT) + '...' : text}' is no whole number`)
      }
      value = isUnsigned ? BigInt.asUintN(width, value) : BigInt.asIntN(width, value)
      const field = (value, enumerable) => ({ value, enumerable })
      Object.defineProperties(this, {
        type: field(type, true),
        width: field(width, true),
        low: field(Number(BigInt.asUintN(32, value)), true),
        high: field(Number(value >> 32n), true),
        isUnsigned: field(isUnsigned, true),
        valueOf: field(() => Number(value)),
        toString: field((base = 10) => value.toString(base)),
        toJSON: field(() => Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()),
        toBytes: field(() => {
          const bytes = []
          for (let bit = BigInt(width - 8); bit >= 0n; bit -= 8n) bytes.push(Number(value >> bit & 255n))
          return bytes
        }),
      })
    }

    // Null for what is no number in that base.
    static parse = (text, base = 10) => {
      const digits = String(text).trim().toLowerCase()
      const isNegative = digits.startsWith('-')
      let sum = 0n
      const all = isNegative ? digits.slice(1) : digits
      if (all.length === 0 || all.length > 64) return null
      for (const digit of all) {
        const value = Number.parseInt(digit, base)
        if (Number.isNaN(value)) return null
        sum = sum * BigInt(base) + BigInt(value)
      }
      return new Int(isNegative ? -sum : sum)
    }
  }
  return Int
}
