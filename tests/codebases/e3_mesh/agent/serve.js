//
// What an agent does for others: TCP and UDP to hosts that it reaches, files of its folder, its status
//

import { datagrams } from './frames.js'

var $target
var $from

var tunnelRoute = new http.Match('/{proto}/{host}/{port}')

export default function ({ name, dir }) {
  var files = new http.Directory(os.path.join(dir, 'share'), { fs: true })
  var fileRoute = new http.Match('/files/*')

  var tcp = pipeline($ => $
    .acceptHTTPTunnel(() => new Message({ status: 200 }))
    .to($ => $
      .onStart(new Data)
      .connect(() => $target, { idleTimeout: 0 })
    )
  )

  var udp = pipeline($ => $
    .acceptHTTPTunnel(() => new Message({ status: 200 }))
    .to($ => $
      .pipe(datagrams, null, () => [pipeline($ => $.connect(() => $target, { protocol: 'udp', idleTimeout: 5 }))])
    )
  )

  return pipeline($ => $
    .demuxHTTP().to($ => $
      .pipe(
        evt => {
          if (evt instanceof MessageStart) {
            var { method, path, headers } = evt.head
            if (method !== 'CONNECT') return 'http'
            var params = tunnelRoute(path)
            $target = `${params.host}:${params.port}`
            $from = headers['x-from']
            println(name, 'tunnel', params.proto, 'from', $from)
            return params.proto in { tcp, udp } ? params.proto : 'deny'
          }
        }, {
          tcp,
          udp,
          deny: $ => $.replaceMessage(new Message({ status: 501 })),
          http: $ => $.replaceMessage(req => {
            var { path } = req.head
            var params = fileRoute(path)
            if (params) {
              req.head.path = '/' + params['*']
              return files.serve(req) || new Message({ status: 404 }, 'no such file')
            }
            switch (path) {
              case '/status':
                return new Message({ headers: { 'content-type': 'application/json' } }, JSON.encode({ name, pid: pipy.pid > 0 }))
              case '/slow':
                return new Timeout(0.3).wait().then(() => new Message('slow'))
              case '/echo':
                return new Message({ status: 200, headers: { 'x-method': req.head.method } }, req.body)
            }
            return new Message({ status: 404 }, 'nothing here')
          }),
        }
      )
    )
  )
}
