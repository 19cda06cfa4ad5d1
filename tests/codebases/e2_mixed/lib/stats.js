var table = {}

export function count(key) {
  table[key] = (table[key] | 0) + 1
}

export var counts = () => Object.fromEntries(Object.entries(table).sort((a, b) => a[0] < b[0] ? -1 : 1))
