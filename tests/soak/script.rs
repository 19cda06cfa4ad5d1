//! The script under load: a server of every kind, proxies and a relay before it, callbacks and timers.

use ballast_tests::free_port;
use std::path::Path;
use std::process::Command;

/// Which port does what.
#[derive(Clone, Copy)]
pub(crate) enum Port {
    /// Answers HTTP/1 and HTTP/2.
    Server,
    /// The same behind TLS.
    Tls,
    /// A proxy in HTTP/1, with callbacks. None of them waits for a `Timeout`: those of an old version never end (repo.md 1.1).
    Http1,
    /// A proxy in HTTP/2.
    Http2,
    /// Bytes to the server.
    Relay,
    /// Echoes WebSocket messages.
    WebSocket,
    /// CONNECT to the server.
    Tunnel,
}

const PORTS: usize = 7;

/// See the module.
pub(crate) struct Script {
    ports: [u16; PORTS],
}

impl Script {
    pub(crate) fn new() -> Script {
        Script {
            ports: std::array::from_fn(|_| free_port()),
        }
    }

    pub(crate) fn port(&self, which: Port) -> u16 {
        self.ports[which as usize]
    }

    pub(crate) fn ports(&self) -> [u16; PORTS] {
        self.ports
    }

    /// Writes a version of it, and the certificate when there is none.
    pub(crate) fn write(&self, folder: &Path, version: u64) {
        if !folder.join("cert.pem").is_file() {
            let made = Command::new("openssl")
                .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=soak".split(' '))
                .args(["-keyout", "key.pem", "-out", "cert.pem"])
                .current_dir(folder)
                .output()
                .expect("openssl is installed");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let [server, tls, http1, http2, relay, web_socket, tunnel] = self.ports;
        let script = format!(
            "((
  cert = {{ cert: new crypto.Certificate(pipy.load('cert.pem')), key: new crypto.PrivateKey(pipy.load('key.pem')) }},
  guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11',
  seen = new algo.Cache,
  taken = new algo.SharedMap('taken'),
  takenOf = path => (n => (taken.delete(path), n))(taken.get(path) || 0),
) => pipy({{ _version: '{version}', _path: null, _ticks: 0 }})

.listen('127.0.0.1:{server}').demuxHTTP().to('answer')
.listen('127.0.0.1:{tls}').acceptTLS({{ certificate: cert, alpn: ['h2', 'http/1.1'] }}).to($ => $.demuxHTTP().to('answer'))
.listen('127.0.0.1:{http1}').demuxHTTP().to($ => $
  .handleMessageStart(msg => (_path = msg.head.path, msg.head.headers['x-version'] = _version, seen.set(_path, _version)))
  .muxHTTP(() => 'one', {{ version: 1 }}).to($ => $.connect('127.0.0.1:{server}'))
  .handleMessageStart(msg => msg.head.headers['x-path'] = seen.get(_path) + _path))
.listen('127.0.0.1:{http2}').demuxHTTP().to($ => $
  .muxHTTP(() => 'two', {{ version: 2, maxQueue: 100 }}).to($ => $.connect('127.0.0.1:{server}')))
.listen('127.0.0.1:{relay}').connect('127.0.0.1:{server}')
.listen('127.0.0.1:{web_socket}').demuxHTTP().to($ => $
  .acceptHTTPTunnel(req => new Message({{ status: 101, headers: {{
    upgrade: 'websocket',
    'sec-websocket-accept': new crypto.Hash('sha1').update(req.head.headers['sec-websocket-key'] + guid).digest('base64'),
  }} }})).to($ => $
    .decodeWebSocket()
    .replaceMessage(msg => new Message({{ opcode: msg.head.opcode === 9 ? 10 : msg.head.opcode }}, msg.body))
    .encodeWebSocket()))
.listen('127.0.0.1:{tunnel}').demuxHTTP().to($ => $
  .acceptHTTPTunnel(() => new Message({{ status: 200 }})).to($ => $.connect('127.0.0.1:{server}')))

.pipeline('answer').replaceMessage(req => (
  req.head.path.startsWith('/h2load') && taken.add(req.head.path, 1),
  new Message(
    {{ status: 200, headers: {{ 'x-version': _version }} }},
    req.head.method + ' ' + req.head.path + ' ' +
      (req.head.path.startsWith('/taken') ? takenOf(req.head.path.substring(6)) : 'x'.repeat(1000)))))

.task('0.1s').onStart(() => new Message('tick'))
  .wait(() => new Timeout(0.02).wait())
  .replaceMessage(() => (_ticks++, seen.set('/ticks', _ticks), new StreamEnd))
)()
"
        );
        std::fs::write(folder.join("main.js"), script).expect("the temporary folder is writable");
    }
}
