var $origin

export default ({ origins, methods = ['GET', 'POST'], maxAge = 600 }) => {
  var allowed = new Set(origins)
  var any = allowed.has('*')

  return pipeline($ => $
    .handleMessageStart(({ head }) => {
      var origin = head.headers.origin
      $origin = origin && (any || allowed.has(origin)) ? origin : null
    })
    .pipe(
      evt => {
        if (evt instanceof MessageStart) {
          var { method, headers } = evt.head
          return method === 'OPTIONS' && headers['access-control-request-method'] ? 'preflight' : 'normal'
        }
      }, {
        preflight: $ => $.replaceMessage(() => new Message({
          status: 204,
          headers: $origin ? {
            'access-control-allow-origin': $origin,
            'access-control-allow-methods': methods.join(', '),
            'access-control-max-age': String(maxAge),
          } : {},
        })),
        normal: $ => $
          .pipeNext()
          .handleMessageStart(({ head }) => {
            if ($origin) head.headers['access-control-allow-origin'] = $origin
          }),
      }
    )
  )
}
