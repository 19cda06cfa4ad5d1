// What gRPC puts on top of HTTP/2: framed messages in bodies, the status in trailers.

export var OK = 0
export var INVALID_ARGUMENT = 3
export var DEADLINE_EXCEEDED = 4
export var NOT_FOUND = 5
export var UNIMPLEMENTED = 12
export var UNAVAILABLE = 14
export var UNAUTHENTICATED = 16

var type = { 'content-type': 'application/grpc' }

export function call(head) {
  var parts = head.path.split('/')
  return { service: parts[1], method: parts[2], deadline: deadline(head.headers['grpc-timeout']) }
}

// '100m' and the like, in seconds; none: undefined.
function deadline(text) {
  if (!text) return undefined
  var units = { H: 3600, M: 60, S: 1, m: 0.001, u: 0.000001, n: 0.000000001 }
  return Number.parseInt(text) * units[text[text.length - 1]]
}

export function frame(data) {
  var n = data.size
  return new Data([0, n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255]).push(data)
}

export function unframe(body) {
  var rest = new Data(body)
  var all = []
  while (rest.size >= 5) {
    var head = rest.shift(5).toArray()
    var size = head[1] * 16777216 + head[2] * 65536 + head[3] * 256 + head[4]
    if (rest.size < size) break
    all.push(rest.shift(size))
  }
  return all
}

export function failure(code, message) {
  return new Message({
    status: 200,
    headers: { ...type, 'grpc-status': String(code), 'grpc-message': URL.encodeComponent(message) },
  })
}

export function start() {
  return new MessageStart({ status: 200, headers: { ...type } })
}

export function end(code, message) {
  return new MessageEnd({ headers: { 'grpc-status': String(code), ...(message ? { 'grpc-message': message } : null) } })
}

export function request(service, method, data, headers) {
  return new Message({
    method: 'POST',
    path: `/${service}/${method}`,
    headers: { ...type, te: 'trailers', host: 'notes', ...headers },
  }, data)
}
