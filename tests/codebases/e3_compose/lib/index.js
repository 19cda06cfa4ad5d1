export * from './circle.js'
export { default as square, name } from './square.js'
export { size as area } from './size.js'
export default 'shapes'
