//! Two uploads that are too much together: one stream fails, the process and the other go on. Source: budget.rs.

use crate::limits::ScriptLimits;
use crate::worker::testing::{DEADLINE, codebase, free_port};
use crate::worker::{Engine, Options};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const BUDGET: usize = 4 << 20;
const BODY: usize = 3 << 20;

/// Sends a request of `BODY` bytes but for the last one.
async fn upload(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
    let mut request = format!("POST / HTTP/1.1\r\ncontent-length: {BODY}\r\nconnection: close\r\n\r\n").into_bytes();
    request.resize(request.len() + BODY - 1, b'x');
    // Cut short when it is the one that fails.
    stream.write_all(&request).await.ok();
    stream
}

/// What comes back until the end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    match stream.read_to_end(&mut got).await {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&got).into_owned(),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn uploads_share_what_a_worker_may_hold() {
    let port = free_port();
    let script = format!(
        "pipy().listen('127.0.0.1:{port}').demuxHTTP().to($ => $.replaceMessage(msg => new Message('' + msg.body.size)))"
    );
    let options = Options {
        limits: ScriptLimits {
            held_bytes: BUDGET,
            ..ScriptLimits::default()
        },
        ..Options::default()
    };
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    let _engine = engine.expect("it starts");
    let (one, two) = (upload(port).await, upload(port).await);
    let (mut a, mut b) = ([0], [0]);
    let fails = async {
        tokio::select! {
            end = one.peek(&mut a) => (0, end),
            end = two.peek(&mut b) => (1, end),
        }
    };
    let (failed, end) = timeout(DEADLINE, fails).await.expect("one of them fails");
    assert!(!matches!(end, Ok(1..)), "an answer to half a request");
    // The other one, and when what both held was given back a third one.
    let left = if failed == 0 { two } else { one };
    for stream in [Some(left), None] {
        let mut stream = match stream {
            Some(stream) => stream,
            None => upload(port).await,
        };
        stream.write_all(b"x").await.expect("writes");
        let answer = timeout(DEADLINE, rest(&mut stream)).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(&BODY.to_string()), "{answer}");
    }
}
