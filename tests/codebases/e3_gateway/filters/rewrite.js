export function replacePath(path, modifier, params) {
  if (!modifier) return path
  var i = path.indexOf('?')
  var query = i < 0 ? '' : path.substring(i)
  var plain = i < 0 ? path : path.substring(0, i)
  switch (modifier.type) {
    case 'ReplaceFullPath': return modifier.replaceFullPath + query
    case 'ReplacePrefixMatch':
      var rest = plain.substring((params?.prefix || '').length)
      var head = modifier.replacePrefixMatch
      if (head.endsWith('/')) head = head.slice(0, -1)
      return ((head + rest) || '/') + query
    case 'Template': return (
      Object.entries(params).reduce((p, [k, v]) => p.replace(`{${k}}`, v), modifier.template) + query
    )
    default: return path
  }
}

var $params

export default ({ hostname, path }) => pipeline($ => $
  .onStart(ctx => void ($params = ctx.params))
  .handleMessageStart(({ head }) => {
    if (hostname) head.headers.host = hostname
    head.path = replacePath(head.path, path, $params)
  })
  .pipeNext()
)
