// Command lines as `command [words] --long value --flag -s value`.
export default function parse(argv, spec) {
  var words = []
  var options = {}
  for (var i = 1; i < argv.length; i++) {
    var a = argv[i]
    if (a.startsWith('-')) {
      var kind = spec[a]
      if (!kind) throw `unknown option ${a}`
      var name = a.replace(new RegExp('^-+'), '')
      if (kind === 'flag') options[name] = true
      else if (i + 1 >= argv.length) throw `missing value for ${a}`
      else options[name] = kind === 'number' ? Number.parseInt(argv[++i]) : argv[++i]
    } else words.push(a)
  }
  return { words, options }
}
