import { count } from './stats.js'

export { count as counted }

export function compile(list, check) {
  var rules = list.map(
    ({ match, plugin, params = {} }) => (check(plugin), { match: new http.Match(match), plugin, params })
  )
  return path => rules.find(r => r.match(path))
}
