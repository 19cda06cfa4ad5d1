// W3C trace context: what a caller says of its trace goes on as it is; a request without gets an identity of its own, not
// sampled, so that the log lines of all that it causes can be found. Source: W3C Trace Context, sections 2 and 3.
// This runs for each request: a value is set, or nothing is touched; what a head does not have is not deleted.
((
  // Version ff and ids of zeros mean nothing; version 00 has four parts, later ones may have more.
  shape = new RegExp('^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$'),
  isValid = text => (
    (parts = shape.exec(text)) => (
      Boolean(parts) && parts[1] !== 'ff' && (parts[1] !== '00' || !parts[4]) &&
      parts[2] !== '00000000000000000000000000000000' && parts[3] !== '0000000000000000'
    )
  )(),

  // Both ids of one random number: 32 digits of it, and 16 from its middle.
  made = uuid => (
    `00-${uuid.substring(0, 8)}${uuid.substring(9, 13)}${uuid.substring(14, 18)}${uuid.substring(19, 23)}` +
    `${uuid.substring(24)}-${uuid.substring(26)}${uuid.substring(2, 8)}-00`
  ),
) => headers => (
  (given = headers.traceparent) => given && isValid(given) || (
    headers.traceparent = made(algo.uuid()),
    // It belongs to the parent that there is not.
    headers.tracestate && delete headers.tracestate
  )
)())()
