//! Loggers of scripts: what they make of values, where it goes, servers that come and go. Source: pipyjs/globals.md
//! section 9, filters.md section 3 (`pack`).

use crate::worker::testing::{DEADLINE, codebase, exchange, free_port, serve};
use crate::worker::{Engine, LogSink, Options};
use std::sync::{Arc, mpsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Starts a script whose loggers' lines come out of the channel as `name: line`.
async fn listening(script: &str) -> (Engine, u16, mpsc::Receiver<String>) {
    let port = free_port();
    let (send, lines) = mpsc::channel();
    let sink = move |name: &str, line: &[u8]| {
        send.send(format!("{name}: {}", String::from_utf8_lossy(line))).ok();
    };
    let options = Options {
        log_sink: Some(LogSink(Arc::new(sink))),
        ..Options::default()
    };
    let script = script.replace("PORT", &port.to_string());
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    (engine.expect("it loads"), port, lines)
}

#[tokio::test(flavor = "current_thread")]
async fn items_of_values() {
    for (log, expected) in [
        // Values as in console.log, joined by blanks.
        (
            "new logging.TextLogger('t').log('a', 1, { b: 'c' })",
            vec!["t: a 1 { \"b\": \"c\" }\n"],
        ),
        // Each argument as one JSON document.
        (
            "new logging.JSONLogger('j').log({ a: [1, null] }, 'x', undefined)",
            vec!["j: {\"a\":[1,null]}\n", "j: \"x\"\n"],
        ),
        ("new logging.BinaryLogger('b').log(new Data('raw'))", vec!["b: raw\n"]),
        // Methods stay bound, targets chain.
        (
            "(log => log('free'))(new logging.TextLogger('t').toStderr().toStderr().log)",
            vec!["t: free\n"],
        ),
    ] {
        let script = format!("pipy().listen(PORT).replaceData(() => ({log}, new Data('done')))");
        let (_engine, port, lines) = listening(&script).await;
        assert_eq!(exchange(port, b"x").await, b"done", "{log}");
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), expected, "{log}");
    }
}

/// One request: head and body.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8(body).expect("text")))
}

/// Batches are bodies of requests on one connection; `host` is added; answers are not waited for.
#[tokio::test(flavor = "current_thread")]
async fn batches_to_a_server() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = server.local_addr().expect("bound");
    let script = format!(
        "((log = new logging.JSONLogger('access').toHTTP('http://{address}/path?q', {{
          headers: {{ 'content-type': 'application/json', 'x-a': 1 }},
          batch: {{ size: 2, timeout: 0, interval: 0, prefix: '[', separator: ',', postfix: ']\\n' }},
        }}).log) => pipy().listen(PORT).replaceData(d => (log(d.toString()), d)))()"
    );
    let served = serve(&script).await;
    let served = &served;
    let talk = async {
        for word in ["a", "b", "c", "d", "e"] {
            exchange(served.port, word.as_bytes()).await;
        }
        let (mut stream, _) = server.accept().await.expect("it connects");
        let (head, body) = request(&mut stream).await.expect("a request");
        for line in [
            "POST /path?q HTTP/1.1\r\n",
            "content-type: application/json\r\n",
            "x-a: 1\r\n",
            &format!("host: {address}\r\n"),
        ] {
            assert!(head.contains(line), "{line:?} in {head}");
        }
        assert_eq!(body, "[\"a\",\"b\"]\n");
        let (_, body) = request(&mut stream).await.expect("another request");
        assert_eq!(body, "[\"c\",\"d\"]\n");
        // What is not complete goes when the worker ends.
        let drained = served.engine.drain();
        let (_, rest) = tokio::join!(drained, async {
            let (_, body) = request(&mut stream).await.expect("the rest");
            assert_eq!(body, "[\"e\"]\n");
            assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0);
            drop(stream);
        });
        rest
    };
    timeout(DEADLINE, talk).await.expect("in time");
}

/// The first item goes at once, for nothing went for `interval`; later ones when none came for `timeout`.
#[tokio::test(flavor = "current_thread")]
async fn times_of_batches() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = server.local_addr().expect("bound");
    let script = format!(
        "((log = new logging.TextLogger('t').toHTTP('http://{address}', {{ batch: {{ timeout: 0.1 }} }}).log) =>
        pipy().listen(PORT).replaceData(d => (log(d.toString()), d)))()"
    );
    let served = serve(&script).await;
    let talk = async {
        exchange(served.port, b"first").await;
        let (mut stream, _) = server.accept().await.expect("it connects");
        let (head, body) = request(&mut stream).await.expect("a request");
        assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
        assert_eq!(body, "first");
        exchange(served.port, b"second").await;
        exchange(served.port, b"third").await;
        assert_eq!(request(&mut stream).await.expect("a batch").1, "secondthird");
    };
    timeout(DEADLINE, talk).await.expect("in time");
}

/// A batch that meets a connection as its server closes it is sent once more, on another; one that was answered is not.
#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_ends_under_a_batch() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = server.local_addr().expect("bound");
    let script = format!(
        "((log = new logging.TextLogger('t').toHTTP('http://{address}/', {{ batch: {{ size: 1 }} }}).log) =>
        pipy().listen(PORT).replaceData(d => (log(d.toString()), d)))()"
    );
    let served = serve(&script).await;
    let talk = async {
        exchange(served.port, b"one").await;
        let (mut stream, _) = server.accept().await.expect("it connects");
        assert_eq!(request(&mut stream).await.expect("a request").1, "one");
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await.expect("an answer");
        exchange(served.port, b"two").await;
        assert_eq!(request(&mut stream).await.expect("a request").1, "two");
        drop(stream);
        let (mut stream, _) = server.accept().await.expect("it connects again");
        assert_eq!(request(&mut stream).await.expect("a request").1, "two");
        // Not a third time.
        drop(stream);
        exchange(served.port, b"three").await;
        let (mut stream, _) = server.accept().await.expect("it connects again");
        assert_eq!(request(&mut stream).await.expect("a request").1, "three");
    };
    timeout(DEADLINE, talk).await.expect("in time");
}

/// A server that is away: traffic goes on, what is more than bufferLimit is dropped, and what comes when it is back is sent.
#[tokio::test(flavor = "current_thread")]
async fn a_server_that_comes_back() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = server.local_addr().expect("bound");
    let script = format!(
        "((log = new logging.TextLogger('t').toHTTP('http://{address}/', {{
          batch: {{ size: 1 }}, bufferLimit: '64k',
        }}).log) => pipy().listen(PORT).replaceData(d => (log(d.toString()), new Data('ok'))))()"
    );
    let served = serve(&script).await;
    let talk = async {
        exchange(served.port, b"one").await;
        let (mut stream, _) = server.accept().await.expect("it connects");
        assert_eq!(request(&mut stream).await.expect("a request").1, "one");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .expect("an answer");
        drop((stream, server));
        // 4 MB while nobody listens.
        let long = "x".repeat(8000);
        for _ in 0..500 {
            assert_eq!(exchange(served.port, long.as_bytes()).await, b"ok");
        }
        let server = TcpListener::bind(address).await.expect("the port is free again");
        exchange(served.port, b"back").await;
        let mut seen = 0;
        loop {
            let (mut stream, _) = server.accept().await.expect("it connects again");
            while let Some((_, body)) = request(&mut stream).await {
                seen += body.len();
                if body == "back" {
                    return seen;
                }
            }
        }
    };
    let seen = timeout(DEADLINE * 2, talk).await.expect("in time");
    assert!(seen <= (64 << 10) + 16, "{seen} bytes had been kept");
}

/// A script that has nothing left to do but its loggers ends, and what it has logged is sent before.
#[tokio::test(flavor = "current_thread")]
async fn loggers_keep_nothing_alive() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = server.local_addr().expect("bound");
    let script = format!(
        "((log = new logging.TextLogger('t').toHTTP('http://{address}/', {{ batch: {{ size: 10, interval: 0 }} }}).log) =>
        pipy().task().onStart(() => (log('a'), log('b'), new StreamEnd)))()"
    );
    let mut served = serve(&script).await;
    let talk = async {
        let (mut stream, _) = server.accept().await.expect("it connects");
        assert_eq!(request(&mut stream).await.expect("a request").1, "ab");
        assert_eq!(served.engine.notice().await, crate::worker::Notice::Idle);
    };
    timeout(DEADLINE, talk).await.expect("in time");
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_refused() {
    crate::worker::testing::check_values(&[
        ("new logging.TextLogger()", "throws argument 1 expects a name"),
        (
            "new logging.TextLogger('t').toHTTP('host:80')",
            "throws toHTTP: 'host:80' is not a URL such as http://host:port/path",
        ),
        (
            "new logging.TextLogger('t').toHTTP('http://h/', { batch: 1 })",
            "throws options expects an object",
        ),
        (
            "new logging.TextLogger('t').toSyslog('loud')",
            "throws toSyslog: priority 'loud' is none of emerg, alert, crit, err, warning, notice, info, debug",
        ),
        (
            "new logging.BinaryLogger('b').log(1)",
            "throws argument 1 expects a Data or a string",
        ),
    ])
    .await;
}
