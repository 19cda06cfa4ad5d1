// Rooms where whatever one says the others hear; a room lives as long as the script.
import { count } from './store.js'

var rooms = {}
var $room
var $who

export default function chat($) { return $
  .acceptHTTPTunnel(req => {
    var url = new URL('http://x' + req.head.path)
    $room = url.pathname.split('/').pop()
    $who = url.searchParams.get('name') || 'anonymous'
    var key = req.head.headers['sec-websocket-key']
    if (!key) return new Message({ status: 400 }, 'websocket only')
    var hash = new crypto.Hash('sha1')
    hash.update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
    return new Message({ status: 101, headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-accept': hash.digest('base64') } })
  }).to($ => $
    .decodeWebSocket()
    .replaceMessage(m => {
      if (m.head.opcode !== 1) return null
      return new Message({ opcode: 1 }, $who + ': ' + m.body)
    })
    // Who leaves does not end the room: an end would be heard by all.
    .replaceStreamEnd()
    .swap(() => { count('joins'); return rooms[$room] ??= new pipeline.Hub })
    .encodeWebSocket()
  )
}
