var $accepts

export default ({ types = ['text/', 'application/json'] }) => pipeline($ => $
  .handleMessageStart(({ head }) => { $accepts = head.headers['accept-encoding'] || '' })
  .pipeNext()
  .compressHTTP(({ head }) => (
    $accepts.includes('gzip') && types.some(t => head.headers['content-type']?.startsWith?.(t)) ? 'gzip' : ''
  ))
)
