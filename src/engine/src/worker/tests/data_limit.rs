//! Bytes behind `Data` and messages that scripts keep: beyond the bound making more throws, what is let go of is given back,
//! and the process and other connections go on. Source: issue 4, "Limits for scripts".

use crate::limits::ScriptLimits;
use crate::worker::testing::{check_values, codebase, exchange, free_port};
use crate::worker::{Engine, Options};

const SAID: &str = "out of memory: Data of scripts take 1m (--script-data)";

/// A server that answers with the value of `expression`, or with what it throws.
async fn serve(expression: &str) -> (Engine, u16) {
    let port = free_port();
    let script = format!(
        "((keep = [], more = (make, n) => new Array(n).fill(0).forEach(() => keep.push(make()))) =>
          pipy().listen('127.0.0.1:{port}').demuxHTTP().to($ => $.replaceMessage(msg =>
            new Message(invoke(() => '' + {expression}, message => 'throws ' + message)))))()"
    );
    let options = Options {
        limits: ScriptLimits {
            data_bytes: 1 << 20,
            ..ScriptLimits::default()
        },
        ..Options::default()
    };
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    (engine.expect("it loads"), port)
}

async fn ask(port: u16) -> String {
    let body = "x".repeat(10_000);
    let length = body.len();
    let request = format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let answer = exchange(port, request.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    body.to_owned()
}

#[tokio::test(flavor = "current_thread")]
async fn hoarding_throws() {
    for hoard in [
        "more(() => new Data('x'.repeat(1000)), 2000)",
        "more(() => new Data(new Array(1000).fill(7)), 2000)",
        "more(() => new Message('x'.repeat(1000)), 2000)",
        "more(() => new Message({}, 'x'.repeat(1000)), 2000)",
        "more(() => (m => (m.body = 'x'.repeat(1000), m))(new Message), 2000)",
        "more(() => JSON.encode({ a: 'x'.repeat(1000) }), 2000)",
        "more(() => Data.from('00'.repeat(1000), 'hex'), 2000)",
        "more(() => new Data(msg.body), 2000)",
        "more(() => new Message(msg.body), 2000)",
        "more(() => msg.body.shift(1), 20000)",
        "more(() => new Data, 20000)",
        // The same bytes again and again: the list of them grows, and a length that overflows is no length.
        "(d => new Array(64).fill(0).forEach(() => d.push(d)))(new Data('x'))",
        "more(() => new crypto.Hash('sha256').update('x').digest(), 20000)",
        "more(() => zlib.deflate('x'.repeat(1000)), 20000)",
    ] {
        let (_engine, port) = serve(hoard).await;
        assert_eq!(ask(port).await, format!("throws {SAID}"), "{hoard}");
        // Nothing can be made as long as it is all kept, perhaps not even the message itself; nothing is broken either.
        let again = ask(port).await;
        assert!(again.is_empty() || again.contains(SAID), "{hoard}: {again}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_let_go_of_is_given_back() {
    for (name, use_it) in [
        (
            "at once",
            "new Array(5000).fill(0).map(() => new Data('x'.repeat(1000)).size).length",
        ),
        // Found by the collector alone.
        (
            "in cycles",
            "new Array(5000).fill(0).map(() => (o => (o.self = o, o.data = new Data('x'.repeat(1000)), 1))({})).length",
        ),
        (
            "taken out",
            "(d => (new Array(5000).fill(0).forEach(() => (d.push('x'.repeat(1000)), d.shift(1000))), 5000))(new Data)",
        ),
        (
            "hoarded, and dropped",
            "(invoke(() => more(() => new Data('x'.repeat(1000)), 2000), 0), keep.length = 0, new Data('x'.repeat(500000)), 5000)",
        ),
        (
            "of messages",
            "new Array(5000).fill(0).map(() => new Message('x'.repeat(1000)).body.size).length",
        ),
    ] {
        let (_engine, port) = serve(use_it).await;
        for _ in 0..3 {
            assert_eq!(ask(port).await, "5000", "{name}");
        }
    }
}

/// Arrays that are as long as they may be, with nothing in them, cost a script nothing, and the engine neither.
#[tokio::test(flavor = "current_thread")]
async fn long_arrays() {
    check_values(&[
        (
            "invoke(() => new Data(new Array(3e9)), e => e)",
            "argument 1 expects a Data or a string",
        ),
        ("invoke(() => new Data(new Array(2e9)), () => 'throws')", "throws"),
        ("(console.log(new Array(3e9)), 'said')", "said"),
        ("(console.log(new Array(2e9)), 'said')", "said"),
        (
            "invoke(() => Hessian.encode(new Array(3e9)) && 'done', () => 'done')",
            "done",
        ),
    ])
    .await;
}

/// No collector sees through a message, so what leads back to itself by one is kept until the version ends: as much as the scripts may
/// have, and not more.
#[tokio::test(flavor = "current_thread")]
async fn messages_that_hold_themselves_are_bounded() {
    for (name, make, said) in [
        ("with a body", "new Message({}, 'x'.repeat(1000))", SAID),
        ("with none", "new Message({})", "out of memory"),
    ] {
        let hoard = format!(
            "new Array(20).fill(0).forEach(() => new Array(20000).fill(0).forEach(() => (m => m.head.self = m)({make})))"
        );
        let (_engine, port) = serve(&hoard).await;
        let said_first = ask(port).await;
        assert!(
            said_first.starts_with("throws ") && said_first.contains(said),
            "{name}: {said_first}"
        );
        let again = ask(port).await;
        assert!(again.is_empty() || again.contains("out of memory"), "{name}: {again}");
    }
}
