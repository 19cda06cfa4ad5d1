import a from './cycle-a.js'
export default function b(n) { return n > 0 ? 'b' + n + ' ' + a(n - 1) : 'end' }
