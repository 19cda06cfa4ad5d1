export default function (a) { return { a } }
export var name = 'square'
