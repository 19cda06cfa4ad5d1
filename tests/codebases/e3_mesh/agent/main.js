import { load, trusted } from '../pki.js'
import serve from './serve.js'
import localAPI from './api.js'

export default function ({ dir, name, address, api, retry }) {
  var running = true
  var state = { name, connected: false, attempts: 0 }

  //
  // The one connection to the hub that everything shares
  //

  var tls = pipeline($ => $
    .connectTLS({
      certificate: load(dir, name),
      trusted: trusted(dir),
      sni: 'hub',
      alpn: 'h2',
    })
    .to($ => $
      .connect(address, {
        idleTimeout: 0,
        connectTimeout: 5,
        onState: ob => {
          if (ob.state === 'connected') state.local = `${ob.localAddress}:${ob.localPort}`
        },
      })
    )
  )

  var hub = pipeline($ => $
    .muxHTTP(() => address, { version: 2, maxQueue: 1000, maxIdle: 3600 }).to(tls)
  )

  //
  // A tunnel whose other end sends us requests
  //

  var server = serve({ name, dir })

  var reverse = pipeline($ => $
    .onStart(new Data)
    .repeat(() => {
      state.connected = false
      return new Timeout(retry).wait().then(() => running)
    })
    .to($ => $
      .loop($ => $
        .connectHTTPTunnel(
          () => {
            state.attempts++
            return new Message({
              method: 'CONNECT',
              path: `/api/agents/${name}`,
              headers: { 'x-agent-version': '1.2.3' },
            })
          }, {
            onState: s => {
              if (s === 'connected' || s?.state === 'connected') {
                state.connected = true
                println(name, 'connected')
              }
            },
          }
        )
        .to($ => $
          .muxHTTP(() => 'reverse', { version: 2 }).to(tls)
        )
        .pipe(server)
      )
    )
  )

  reverse.spawn().then(() => println('stopped'))

  localAPI({ name, api, hub, state, stop: () => { running = false } })
}
