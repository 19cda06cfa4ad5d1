export default function (argv, { shorthands = {} } = {}) {
  var options = { args: [] }
  var pending = null

  argv.forEach(term => {
    if (pending) {
      add(pending, term)
      pending = null
    } else if (term.startsWith('--')) {
      var i = term.indexOf('=')
      if (i > 0) add(term.substring(0, i), term.substring(i + 1))
      else pending = term
    } else if (term.startsWith('-')) {
      var long = shorthands[term]
      if (!long) throw new Error(`unknown option ${term}`)
      pending = long
    } else {
      options.args.push(term)
    }
  })

  if (pending) throw new Error(`missing value for option ${pending}`)
  return options

  function add(name, value) {
    var key = name.substring(2)
    if (key in options) options[key] = [options[key], value].flat()
    else options[key] = value
  }
}
