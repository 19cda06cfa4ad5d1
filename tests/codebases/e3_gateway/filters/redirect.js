import { replacePath } from './rewrite.js'

var $ctx

export default function ({ scheme, hostname, port, path, statusCode = 302 }) {
  return pipeline($ => $
    .onStart(ctx => { $ctx = ctx })
    .replaceMessage(
      req => {
        var s = scheme || $ctx.tls?.scheme || 'http'
        var h = hostname || $ctx.host
        var p = port || $ctx.inbound.localPort
        if (s === 'https' && p == 443 || s === 'http' && p == 80) p = ''
        return new Message({
          status: Number(statusCode),
          headers: { location: `${s}://${h}${p ? ':' + p : ''}${replacePath(req.head.path, path, $ctx.params)}` },
        })
      }
    )
  )
}
