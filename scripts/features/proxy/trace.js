// W3C trace context: what a caller says of its trace goes on as it is; a request without gets an identity of its own, not
// sampled, so that the log lines of all that it causes can be found. Source: W3C Trace Context, sections 2 and 3.
((
  // Version ff and ids of zeros mean nothing; version 00 has four parts, later ones may have more.
  shape = new RegExp('^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$'),
  isValid = text => (
    (parts = shape.exec(text)) => (
      Boolean(parts) && parts[1] !== 'ff' && (parts[1] !== '00' || !parts[4]) &&
      parts[2] !== '00000000000000000000000000000000' && parts[3] !== '0000000000000000'
    )
  )(),

  id = () => algo.uuid().split('-').join(''),
) => headers => isValid(headers.traceparent || '') || (
  headers.traceparent = `00-${id()}-${id().substring(16)}-00`,
  // It belongs to the parent that there is not.
  delete headers.tracestate
))()
