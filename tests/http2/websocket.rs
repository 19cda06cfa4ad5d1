//! WebSocket: Gorilla's client and server, with proxies between them; and its client against scripts that speak WebSocket.

use super::{Script, free_port, peer, run, serve};

#[test]
fn gorilla_through_proxies_and_against_scripts() {
    let upstream = free_port();
    let _server = serve("peers", &["server", &format!("127.0.0.1:{upstream}")], upstream);
    // A proxy of bytes, a proxy that takes messages apart and puts them together, and a server in PipyJS, which answers pings
    // and closes by itself.
    let script = Script::start(
        &format!(
            "((GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') => pipy()
            .listen('127.0.0.1:PORT0').demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:{upstream}')))
            .listen('127.0.0.1:PORT1').demuxHTTP().to($ => $
                .acceptHTTPTunnel(req => new Message({{ status: 101, headers: {{
                    upgrade: 'websocket',
                    'sec-websocket-accept': new crypto.Hash('sha1').update(req.head.headers['sec-websocket-key'] + GUID).digest('base64'),
                }} }})).to($ => $
                    .decodeWebSocket()
                    .replaceMessage(msg => new Message({{ opcode: msg.head.opcode === 9 ? 10 : msg.head.opcode }}, msg.body))
                    .encodeWebSocket()))
            .listen('127.0.0.1:PORT2').demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:PORT1'))))()"
        ),
        3,
        |_| {},
    );
    for port in &script.ports {
        let (ok, said) = run(peer("peers"), &["client", &format!("ws://127.0.0.1:{port}/echo")]);
        assert!(
            ok && said.trim() == "ok",
            "port {port}: {said}\n{}",
            script.process.output()
        );
    }
}
