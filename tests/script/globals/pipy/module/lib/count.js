export var n = 0

export default function () {
  return ++n
}

export { sum } from './more.js'
