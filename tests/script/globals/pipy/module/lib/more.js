var list = []

for (var i = 0; i < 3; i++) list.push('word' + i)

export function words() { return list }
export var sum = (a, b) => a + b
