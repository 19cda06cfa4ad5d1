export { counts as stats } from './stats.js'
export default { greeting: 'Hello', repeat: '1' }
export function kindOf(plugin) {
  return ({ clock: 'service' })[plugin] || 'other'
}
