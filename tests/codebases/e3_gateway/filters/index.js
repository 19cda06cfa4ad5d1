import requestHeaders from './request-headers.js'
import responseHeaders from './response-headers.js'
import { default as redirect } from './redirect.js'
import rewrite from './rewrite.js'
import mirror from './mirror.js'
import limit from './rate-limit.js'
import { authenticate, issue } from './jwt.js'
import cors from './cors.js'
import compression from './compression.js'

var makers = {
  RequestHeaderModifier: requestHeaders,
  ResponseHeaderModifier: responseHeaders,
  RequestRedirect: redirect,
  URLRewrite: rewrite,
  RequestMirror: mirror,
  RateLimit: limit,
  JWTAuth: authenticate,
  JWTIssue: issue,
  CORS: cors,
  Compression: compression,
}

export function make(filter, conf) {
  var maker = makers[filter.type]
  if (!maker) throw new Error(`unknown filter ${filter.type}`)
  var field = filter.type[0].toLowerCase() + filter.type.substring(1)
  return maker(filter[field] || filter.config || {}, conf)
}

export { makers as default }
