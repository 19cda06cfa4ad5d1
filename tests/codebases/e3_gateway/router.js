//
// Rules of all routes of a port, most specific first: host, then path, then method, headers, queries
//

function hostMatcher(pattern) {
  if (!pattern) return { score: 0, test: () => true }
  if (pattern.startsWith('*.')) {
    var suffix = pattern.substring(1)
    return { score: suffix.length, test: host => host.length > suffix.length && host.endsWith(suffix) }
  }
  return { score: 1000 + pattern.length, test: host => host === pattern }
}

function pathMatcher(path) {
  switch (path?.type || 'PathPrefix') {
    case 'Exact': return { score: 3000 + path.value.length, test: p => p === path.value ? {} : null }
    case 'PathPrefix':
      var prefix = path?.value || '/'
      if (prefix.endsWith('/')) prefix = prefix.substring(0, prefix.length - 1)
      return {
        score: 1000 + prefix.length,
        test: p => p === prefix || p.startsWith(prefix + '/') ? { prefix } : null,
      }
    case 'Template':
      var match = new http.Match(path.value)
      return { score: 2000 + path.value.length, test: p => match(p) }
    case 'RegularExpression':
      var re = new RegExp(path.value)
      return { score: 500, test: p => { var m = re.exec(p); return m ? { groups: m } : null } }
    default: throw new Error(`unknown path match ${path.type}`)
  }
}

function valueMatcher({ type, value }) {
  if (type === 'RegularExpression') {
    var re = new RegExp('^(' + value + ')$')
    return v => re.test(v)
  }
  return v => v === value
}

function fieldMatchers(list, get) {
  return (list || []).map(m => {
    var test = valueMatcher(m)
    var name = m.name
    return ctx => {
      var v = get(ctx, name)
      return v !== undefined && v !== null && test(v)
    }
  })
}

function ruleMatchers(rule) {
  return (rule.matches || [{}]).map(m => {
    var path = pathMatcher(m.path)
    var tests = [
      ...(m.method ? [ctx => ctx.method === m.method] : []),
      ...fieldMatchers(m.headers, (ctx, name) => ctx.head.headers[name.toLowerCase()]),
      ...fieldMatchers(m.queryParams, (ctx, name) => queryOf(ctx).get(name)),
    ]
    return {
      score: path.score * 100 + tests.length,
      test: ctx => {
        var params = path.test(ctx.path)
        return params && tests.every(f => f(ctx)) ? params : null
      },
    }
  })
}

function queryOf(ctx) {
  return ctx.query ??= new URL('http://host' + ctx.head.path).searchParams
}

export default function (listeners, makeRule) {
  var entries = listeners.flatMap(
    l => l.routes.flatMap(
      route => (route.spec.hostnames || [l.hostname]).flatMap(
        hostname => route.spec.rules.flatMap(
          (rule, i) => {
            var host = hostMatcher(hostname)
            var made = { name: rule.name || `${route.metadata.name}/${i}`, pipeline: makeRule(rule) }
            return ruleMatchers(rule).map(({ score, test }) => ({
              score: host.score * 1000000 + score,
              host: host.test,
              test,
              rule: made,
            }))
          }
        )
      )
    )
  )

  entries.sort((a, b) => b.score - a.score)

  return ctx => {
    for (var i = 0; i < entries.length; i++) {
      var e = entries[i]
      if (!e.host(ctx.host)) continue
      var params = e.test(ctx)
      if (params) return { rule: e.rule, params }
    }
    return null
  }
}
