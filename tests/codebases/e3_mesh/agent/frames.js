//
// Datagrams over a byte stream: two bytes of length, then the datagram
//

var $inner

export function frame(data) {
  if (data.size === 0) return data
  return new Data([data.size >> 8, data.size & 255]).push(data)
}


export var decoder = pipeline($ => $
  .deframe({
    high: b => { $size = b << 8; return 'low' },
    low: b => ['body', $size += b, new Data],
    body: d => [new MessageStart, d, new MessageEnd, 'high'],
  })
  .replaceMessage(msg => msg.body)
)

var $size = 0

// Runs a pipeline that takes and gives datagrams behind a stream of frames
export var datagrams = pipeline($ => $
  .onStart(inner => { $inner = inner })
  .pipe(decoder)
  .pipe(() => $inner)
  .replaceData(data => frame(data))
)
