// http.md 5: a tunnel is asked for by any CONNECT message, over HTTP/2 too; its path may name the far end.
var join = new http.Match('/rooms/{name}')

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, $ => $
  .connectHTTPTunnel(new Message({ method: 'CONNECT', path: '/rooms/blue', headers: { 'x-key': 'k' } })).to($ => $
    .muxHTTP(() => 'hub', { version: 2 }).to($ => $.connect('127.0.0.1:' + os.env.CASE_PORT2))
  )
)

var $room
pipy.listen('127.0.0.1:' + os.env.CASE_PORT2, $ => $
  .demuxHTTP().to($ => $
    .acceptHTTPTunnel(({ head }) => {
      $room = join(head.path)?.name + head.headers['x-key']
      return new Message({ status: 200 })
    })
    .to($ => $.replaceData(data => data.size ? new Data(`<${$room} ${data}>`) : data))
  )
)
