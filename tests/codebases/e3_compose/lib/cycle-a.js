import b from './cycle-b.js'
export default function a(n) { return n > 0 ? 'a' + n + ' ' + b(n - 1) : 'end' }
