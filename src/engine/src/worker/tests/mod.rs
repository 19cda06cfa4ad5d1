//! The engine as a whole, on loopback: load, serve, reload, errors, end. One file an area beside it.

mod budget;
mod chains;
mod compliance;
mod data_limit;
mod dialect;
mod fibers;
mod flow;
mod heads;
mod http2;
mod http2_leaving;
mod http2_refused;
mod http_agent;
mod http_codecs;
mod http_proxy;
mod http_server;
mod idioms;
mod linger;
mod linking;
mod listen;
mod listener_array;
mod logging;
mod messages;
mod metrics;
mod modules;
mod programs;
mod sessions;
mod spawn;
mod tunnels;
mod web_socket;
mod whole;

use super::{Engine, Notice, Options, testing};
use crate::codebase::Codebase;
use crate::error::Error;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn codebase(version: &str, files: &[(&str, String)]) -> Arc<Codebase> {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.clone().into()))
        .collect();
    Arc::new(Codebase {
        version: version.to_owned(),
        main: "/main.js".to_owned(),
        files,
    })
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("its address").port()
}

async fn exchange(port: u16, send: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
    stream.write_all(send.as_bytes()).await.expect("write");
    stream.shutdown().await.expect("half-close");
    let mut got = String::new();
    stream.read_to_string(&mut got).await.expect("read");
    got
}

#[tokio::test(flavor = "current_thread")]
async fn serves_reloads_and_keeps_the_old_version_when_a_script_fails() {
    let port = free_port();
    let script = |word: &str| {
        format!(
            "pipy({{ _n: 0 }}).listen('127.0.0.1:{port}').replaceData(data => (_n = _n + 1, new Data('{word}' + _n + data)))"
        )
    };
    let first = codebase("1", &[("/main.js", script("a"))]);
    let mut engine = Engine::start(first, Options::default()).await.expect("starts");
    assert_eq!(exchange(port, "x").await, "a1x");
    // A context variable belongs to its connection.
    assert_eq!(exchange(port, "y").await, "a1y");
    let broken = engine
        .reload(codebase("2", &[("/main.js", "pipy(".to_owned())]))
        .await
        .expect_err("does not parse");
    assert!(broken.to_string().contains("/main.js:1"), "{broken}");
    assert_eq!(exchange(port, "x").await, "a1x");
    engine
        .reload(codebase("3", &[("/main.js", script("b"))]))
        .await
        .expect("reloads");
    assert_eq!(exchange(port, "x").await, "b1x");
    assert_eq!(engine.status().await.version, "3");
    engine.drain().await;
    assert!(
        TcpStream::connect(("127.0.0.1", port)).await.is_err(),
        "the port is closed"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn runs_a_task_and_exits() {
    let script = "pipy().task().onStart(() => (pipy.exit(7), new StreamEnd))".to_owned();
    let mut engine = Engine::start(codebase("1", &[("/main.js", script)]), Options::default())
        .await
        .expect("starts");
    assert_eq!(engine.notice().await, Notice::Exit(7));
    let script = "pipy().task().onStart(() => new StreamEnd)".to_owned();
    engine
        .reload(codebase("2", &[("/main.js", script)]))
        .await
        .expect("reloads");
    assert_eq!(engine.notice().await, Notice::Idle);
}

/// Script values that Rust holds, held again by script values: no garbage collector sees such a cycle.
const CYCLES: &str = "
    ((
      kept = [],
      message = new Message({ status: 404 }, 'gone'),
      start = new MessageStart({ back: null }),
    ) => (
      start.head.back = start,
      kept.push(start, message, message.body, new StreamEnd(kept)),
      pipy({ _kept: kept, _self: null })
        .task()
        .onStart(() => (_self = () => [_self, kept], Promise.resolve(1).then(() => _self()), new Promise(() => _self), message))
        .handleMessageStart(msg => (_kept.push(msg), msg.head.msg = msg))
        .replaceStreamEnd(() => _kept)
    ))()";

/// The same in E3: templates in one another, modules in a circle, pipelines and promises that never settle.
const MODERN_CYCLES: &str = "
    import { other } from './other.js'

    var $self = null
    var never = () => new Promise(() => {})
    var template = pipeline($ => $
      .onStart(() => { $self = [template, other, $self]; return never() })
      .pipe(() => template)
      .onEnd(() => $self)
    )
    export { template }

    template.spawn(template).then(() => template)
    template.process(never)
    never().then(() => template)
    pipy.watch('/nothing').then(() => template)
    pipy.exit(() => template)
    pipy.listen('127.0.0.1:PORT', template)
";

#[tokio::test(flavor = "current_thread")]
async fn workers_and_reloads_leave_nothing_behind() {
    let port = free_port();
    let modern = MODERN_CYCLES.replace("PORT", &port.to_string());
    let other = "import * as main from './main.js'\nexport var other = () => main.template";
    let failing = |text: &str| format!("{text}\nno.way()");
    for (name, files, broken) in [
        (
            "classic",
            codebase("1", &[("/main.js", CYCLES.to_owned())]),
            codebase("2", &[("/main.js", failing(CYCLES))]),
        ),
        (
            "modern",
            codebase("1", &[("/main.js", modern.clone()), ("/other.js", other.to_owned())]),
            codebase("2", &[("/main.js", failing(&modern)), ("/other.js", other.to_owned())]),
        ),
    ] {
        let mut engine = Engine::start(files.clone(), Options::default()).await.expect(name);
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
            statm
                .split_whitespace()
                .nth(1)
                .and_then(|pages| pages.parse::<usize>().ok())
                .expect("pages")
                * 4096
        };
        // A runtime that is freed with values left in it aborts the process.
        for _ in 0..50 {
            engine.reload(files.clone()).await.expect(name);
        }
        let before = resident();
        for round in 0..500 {
            engine.reload(files.clone()).await.expect(name);
            // What a version that does not load has begun goes, too.
            if round % 5 == 0 {
                assert!(engine.reload(broken.clone()).await.is_err(), "{name}");
            }
        }
        drop(engine);
        for _ in 0..50 {
            drop(Engine::start(files.clone(), Options::default()).await.expect(name));
        }
        let grown = resident().saturating_sub(before);
        // A realm has about 400 KB: two percent of them left behind would be seen.
        assert!(grown < 8 << 20, "{name}: grew by {grown} bytes");
    }
}

/// Promise jobs of any number run without another stimulus. Source: pipyjs/model.md 1.2 "One turn of the loop".
#[tokio::test(flavor = "current_thread")]
async fn promise_jobs_run_to_their_end() {
    for (name, script) in [
        (
            "while loading",
            "Promise.resolve(1).then(() => pipy.exit(3)), pipy().task('1h').onStart(new StreamEnd)",
        ),
        (
            "more than fit into a turn",
            "((step = n => n > 0 ? void Promise.resolve(n - 1).then(step) : pipy.exit(3)) => \
             pipy().task('1h').onStart(() => (step(50000), new StreamEnd)))()",
        ),
    ] {
        let files = codebase("1", &[("/main.js", script.to_owned())]);
        let mut engine = Engine::start(files, Options::default()).await.expect(name);
        let notice = tokio::time::timeout(std::time::Duration::from_secs(20), engine.notice()).await;
        assert_eq!(notice.expect(name), Notice::Exit(3), "{name}");
    }
}

/// A pipeline that ended while the promise of its `onStart` was pending is let go of, whoever still holds the promise.
#[tokio::test(flavor = "current_thread")]
async fn a_start_that_never_settles_keeps_no_pipeline() {
    let port = free_port();
    let script = format!(
        "pipy({{ _all: [] }}).listen('127.0.0.1:{port}', {{ idleTimeout: 1 }})\
         .onStart(() => new Promise(settle => _all.push(settle)))"
    );
    let engine = Engine::start(codebase("1", &[("/main.js", script)]), Options::default())
        .await
        .expect("starts");
    let counters = engine.counters();
    let count = || counters.iter().map(|of| of.pipelines.get()).sum::<i64>();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
    testing::eventually("a pipeline", || count() == 1).await;
    drop(stream);
    testing::eventually("no pipeline", || count() == 0).await;
}

/// `pipy.exit(code)` while the main script is loading is honoured. Source: pipyjs/model.md section 3.
#[tokio::test(flavor = "current_thread")]
async fn an_exit_while_loading_ends_the_process() {
    for (name, script) in [
        ("nothing else", "pipy.exit(4)"),
        ("then an error", "pipy.exit(4), unknown.name"),
        ("then a configuration", "pipy.exit(4), pipy().listen(1, {}).dummy()"),
    ] {
        let files = codebase("1", &[("/main.js", script.to_owned())]);
        let result = Engine::start(files, Options::default()).await.map(drop);
        assert!(matches!(result, Err(Error::Exited(4))), "{name}: {result:?}");
    }
}

/// A drain does not wait for connections that wait for a next request: it ends them, those of an old version too, and
/// does not wait for peers that keep their side open. Source: style "stop accept, end idle, deadline, exit".
#[tokio::test(flavor = "current_thread")]
async fn a_drain_ends_idle_connections() {
    for (name, filter) in [
        ("serveHTTP", "serveHTTP(new Message('ok'))"),
        ("demuxHTTP", "demuxHTTP().to($ => $.replaceMessage(new Message('ok')))"),
    ] {
        let port = free_port();
        let files = || {
            codebase(
                "1",
                &[("/main.js", format!("pipy().listen('127.0.0.1:{port}').{filter}"))],
            )
        };
        let mut engine = Engine::start(files(), Options::default()).await.expect(name);
        let mut old = TcpStream::connect(("127.0.0.1", port)).await.expect(name);
        ask(&mut old).await;
        engine.reload(files()).await.expect(name);
        let mut new = TcpStream::connect(("127.0.0.1", port)).await.expect(name);
        ask(&mut new).await;
        let mut unused = TcpStream::connect(("127.0.0.1", port)).await.expect(name);
        let counters = engine.counters();
        testing::eventually("three connections", || {
            counters.iter().map(|of| of.inbound.get()).sum::<i64>() == 3
        })
        .await;
        tokio::time::timeout(testing::DEADLINE, engine.drain())
            .await
            .unwrap_or_else(|_| panic!("{name}: the drain does not end"));
        for stream in [&mut old, &mut new, &mut unused] {
            assert_eq!(stream.read(&mut [0; 1]).await.ok(), Some(0), "{name}");
        }
    }
}

/// One request on a connection that stays open.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("write");
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\nok") {
        assert_ne!(stream.read_buf(&mut got).await.expect("read"), 0);
    }
}
