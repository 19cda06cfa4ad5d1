//! Messages that come whole go through `demuxHTTP`, `handleMessageStart` and `muxHTTP` at once. What scripts see of them is what they see of
//! messages that come in pieces, which coded chunks are: in the order of pipyjs/model.md 1.2, depth first.

use crate::worker::testing::{DEADLINE, exchange, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const LENGTH: &str = "content-length: 2\r\n\r\nok";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

/// A server that reads one request with the body `ok` on each connection and answers it so; gives its port.
async fn upstream(answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("has an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut got = Vec::new();
            while !(got.ends_with(b"\r\n\r\nok") || got.ends_with(b"0\r\n\r\n")) {
                if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    port
}

/// What is logged on the way of a request and its response: `request` and `response` are the filters before and behind `muxHTTP`.
async fn log_of(request: &str, mux: &str, response: &str, framing: &str) -> String {
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{framing}");
    let up = upstream(answer).await;
    let served = serve(&format!(
        "pipy({{ _log: [] }}).listen('127.0.0.1:PORT').demuxHTTP().to($ => $
          .onStart(() => void _log.push('start'))
          {request}
          .muxHTTP({mux}).to($ => $
            .handleStreamStart(() => _log.push('sent'))
            .connect('127.0.0.1:{up}'))
          {response}
          .onEnd(() => (console.log('end'), _log.push('end'))))
        .replaceData(data => new Data(data.toString() + '|' + _log.join(' ')))"
    ))
    .await;
    let sent = format!("POST / HTTP/1.1\r\nhost: h\r\n{framing}");
    let got = timeout(DEADLINE, exchange(served.port, sent.as_bytes()));
    String::from_utf8_lossy(&got.await.expect("an answer")).into_owned()
}

#[tokio::test(flavor = "current_thread")]
async fn the_order_of_effects_is_that_of_pieces() {
    const LOG_ALL: &str = ".handle(e => _log.push(e.type))";
    const LOG_START: &str = ".handleMessageStart(m => _log.push(m.head.method || m.head.status))";
    const KEY: &str = "() => (_log.push('key'), 'k')";
    let rows: &[(&str, [&str; 3], &str)] = &[
        ("nothing between", ["", KEY, ""], "start key sent"),
        (
            "an observer of starts",
            [LOG_START, KEY, LOG_START],
            "start POST key sent 200",
        ),
        (
            "two of them",
            [&LOG_START.repeat(2), KEY, &LOG_START.repeat(2)],
            "start POST POST key sent 200 200",
        ),
        // The start goes all the way down before the body enters.
        (
            "an observer of all",
            [LOG_ALL, KEY, LOG_ALL],
            "start MessageStart key Data MessageEnd sent MessageStart Data MessageEnd",
        ),
        (
            "an observer of starts, then one of all",
            [&[LOG_START, LOG_ALL].concat(), KEY, &[LOG_START, LOG_ALL].concat()],
            "start POST MessageStart key Data MessageEnd sent 200 MessageStart Data MessageEnd",
        ),
        (
            "an observer of all, then one of starts",
            [&[LOG_ALL, LOG_START].concat(), KEY, &[LOG_ALL, LOG_START].concat()],
            "start MessageStart POST key Data MessageEnd sent MessageStart 200 Data MessageEnd",
        ),
        (
            "an observer of ends",
            [
                ".handleMessageEnd(() => _log.push('ended'))",
                KEY,
                ".handleMessageEnd(() => _log.push('ended'))",
            ],
            "start key ended sent ended",
        ),
        (
            "a promise",
            [
                ".handleMessageStart(() => Promise.resolve(1).then(() => _log.push('settled')))",
                KEY,
                ".handleMessageStart(() => Promise.resolve(1).then(() => _log.push('settled')))",
            ],
            "start settled key sent settled",
        ),
        (
            "starts that are replaced",
            [
                ".replaceMessageStart(m => (_log.push('replaced'), new MessageStart({ method: 'PUT', path: '/x' })))",
                KEY,
                ".replaceMessageStart(m => (_log.push('replaced'), new MessageStart({ status: 404 })))",
            ],
            "start replaced key sent replaced",
        ),
        (
            "a body beyond what is collected",
            ["", "() => (_log.push('key'), 'k'), { bufferSize: 1 }", ""],
            "start key sent",
        ),
        (
            "options by a function",
            [
                "",
                "() => (_log.push('key'), 'k'), () => (_log.push('options'), { bufferSize: 1 })",
                "",
            ],
            "start key options sent",
        ),
        (
            "a sub-pipeline between",
            [
                ".pipe(() => 'sub', { sub: $ => $.handleMessageStart(() => _log.push('in sub')) })",
                KEY,
                "",
            ],
            "start in sub key sent",
        ),
    ];
    for (name, [request, mux, response], log) in rows {
        let whole = log_of(request, mux, response, LENGTH).await;
        let pieces = log_of(request, mux, response, CHUNKED).await;
        assert!(whole.ends_with(&format!("ok|{log}")), "{name}: {whole}");
        assert_eq!(whole, pieces, "{name}");
    }
}

/// An exception in the observer of a whole message ends the request as it does with one in pieces, and nothing goes on behind it.
#[tokio::test(flavor = "current_thread")]
async fn an_exception_ends_both() {
    for framing in [LENGTH, CHUNKED] {
        let thrown = ".handleMessageStart(() => { throw new Error('no') })";
        let got = log_of(thrown, "() => _log.push('key')", "", framing).await;
        assert!(got.starts_with("HTTP/1.1 500 "), "{framing}: {got}");
        assert!(got.ends_with("|start"), "{framing}: {got}");
        let got = log_of("", "() => { throw new Error('no') }", "", framing).await;
        assert!(got.starts_with("HTTP/1.1 500 "), "{framing}: {got}");
        assert!(got.ends_with("|start"), "{framing}: {got}");
    }
}
