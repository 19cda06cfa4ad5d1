//! `acceptHTTPTunnel`, `connectHTTPTunnel`, and tunnels through `demuxHTTP`, `serveHTTP` and `muxHTTP`: pipyjs/http.md
//! sections 4 and 5.

use crate::worker::testing::{exchange, serve};

const CONNECT: &str = "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
/// What stands inside of a tunnel.
const MARK: &str = "$ => $.replaceData(data => data.size ? new Data('<' + data + '>') : data)";

async fn check(name: &str, script: &str, input: &str, output: &str) {
    let got = exchange(serve(script).await.port, input.as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&got), output, "{name}");
}

#[tokio::test(flavor = "current_thread")]
async fn tunnels_are_accepted() {
    let connected = "HTTP/1.1 200 OK\r\n\r\n<raw>";
    let switched = [SWITCHING, "<raw>"].concat();
    let upgraded = "new Message({ status: 101, headers: { upgrade: 'websocket' } })";
    let forbidden = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n";
    let rows = [
        ("nothing is 200", "() => null".to_owned(), CONNECT, connected),
        (
            "a Message",
            "new Message({ status: 200 })".to_owned(),
            CONNECT,
            connected,
        ),
        (
            "a promise",
            "() => new Timeout(0).wait().then(() => new Message)".to_owned(),
            CONNECT,
            connected,
        ),
        ("an upgrade", format!("() => {upgraded}"), UPGRADE, &*switched),
    ];
    for (name, handler, request, output) in rows {
        let script =
            format!("pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.acceptHTTPTunnel({handler}).to({MARK}))");
        check(name, &script, &[request, "raw"].concat(), output).await;
    }
    let by_method = format!(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $
            .acceptHTTPTunnel(req => new Message({{ status: req.head.path === 'h:1' ? 403 : 200 }})).to({MARK}))"
    );
    let other = "CONNECT h:2 HTTP/1.1\r\nhost: h:2\r\n\r\nraw";
    let output = [forbidden, connected].concat();
    check(
        "refused, then accepted",
        &by_method,
        &[CONNECT, other].concat(),
        &output,
    )
    .await;
    // The codec filters: who encodes is told the method, for nobody else knows it.
    let script = format!(
        "pipy().listen('127.0.0.1:PORT').decodeHTTPRequest().acceptHTTPTunnel(() => null).to({MARK})
            .encodeHTTPResponse(() => ({{ method: 'CONNECT' }}))"
    );
    check("between codecs", &script, &[CONNECT, "raw"].concat(), connected).await;
    // The copy of the context: what the tunnel sets is not seen by the request's pipeline.
    let script = "pipy({ _v: 'mine' }).listen('127.0.0.1:PORT').demuxHTTP().to($ => $
            .acceptHTTPTunnel(() => null).to($ => $.handleData(() => _v = 'yours'))
            .replaceData(data => data.size ? new Data(_v) : data))";
    check(
        "context",
        script,
        &[CONNECT, "raw"].concat(),
        "HTTP/1.1 200 OK\r\n\r\nmine",
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn tunnels_are_asked_for() {
    let rows = [
        ("connected", "h:1", 200, "raw|connected closed |clean"),
        ("refused", "h:2", 200, "|closed |clean"),
        ("any 2xx", "h:1", 204, "raw|connected closed |clean"),
        ("no 2xx", "h:1", 302, "|closed |clean"),
    ];
    for (name, target, status, output) in rows {
        let script = format!(
            "pipy({{ _s: '' }}).listen('127.0.0.1:PORT')
                .connectHTTPTunnel(() => '{target}', {{ onState: s => _s += s.state + ' ' }}).to($ => $.muxHTTP().to('server'))
                .replaceStreamEnd(end => [new Data('|' + _s + '|' + (end.error || 'clean')), new StreamEnd])
            .pipeline('server').demuxHTTP().to($ => $
                .acceptHTTPTunnel(req => new Message({{ status: req.head.path === 'h:1' ? {status} : 403 }})).to($ => $))"
        );
        check(name, &script, "raw", output).await;
    }
    // Nobody there: muxHTTP answers 502.
    let script = "pipy().listen('127.0.0.1:PORT')
            .connectHTTPTunnel('h:1').to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:1')))";
    check("no proxy", script, "raw", "").await;
}

/// A proxy of proxies: CONNECT and an upgrade pass `demuxHTTP` and `muxHTTP` untouched.
#[tokio::test(flavor = "current_thread")]
async fn tunnels_pass_through_proxies() {
    let through = "demuxHTTP().to($ => $.muxHTTP().to($ => $.demuxHTTP().to($ => $.muxHTTP().to('server'))))";
    let accept = format!(
        "pipeline('server').demuxHTTP().to($ => $.acceptHTTPTunnel(req => req.head.method === 'CONNECT' ? null :
            new Message({{ status: 101, headers: {{ upgrade: 'websocket' }} }})).to({MARK}))"
    );
    let serve = format!(
        "pipeline('server').serveHTTP(req => new Message(req.head.method === 'CONNECT' ? {{}} :
            {{ status: 101, headers: {{ upgrade: 'websocket' }} }})).to({MARK})"
    );
    for (server, text) in [("acceptHTTPTunnel", accept), ("serveHTTP", serve)] {
        let script = format!("pipy().listen('127.0.0.1:PORT').{through}.{text}");
        for (name, request, output) in [
            ("connect", CONNECT, "HTTP/1.1 200 OK\r\n\r\n<raw>"),
            ("upgrade", UPGRADE, &*[SWITCHING, "<raw>"].concat()),
        ] {
            check(
                &format!("{name}, {server}"),
                &script,
                &[request, "raw"].concat(),
                output,
            )
            .await;
        }
    }
}
