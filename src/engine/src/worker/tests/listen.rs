//! `pipy.listen`: ports of E3 scripts, while they load and afterwards. Source: pipyjs/model.md section 3, repo.md 1.1.

use crate::worker::testing::{DEADLINE, check_refused, codebase, eventually, exchange, free_port, serve, try_serve};
use crate::worker::{Engine, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "current_thread")]
async fn arguments() {
    for (name, script) in [
        (
            "a builder",
            "pipy.listen(PORT, $ => $.replaceData(d => new Data('<' + d + '>')))",
        ),
        (
            "a string",
            "pipy.listen('PORT', $ => $.replaceData(d => new Data('<' + d + '>')))",
        ),
        (
            "a template, an address, a protocol",
            "var t = pipeline($ => $.replaceData(d => new Data('<' + d + '>')))\npipy.listen('127.0.0.1:PORT', 'tcp', t)",
        ),
        (
            "options",
            "pipy.listen('127.0.0.1:PORT', { idleTimeout: 5 }, $ => $.replaceData(d => new Data('<' + d + '>')))",
        ),
        (
            "a protocol and no options",
            "pipy.listen('127.0.0.1:PORT', 'tcp', null, $ => $.replaceData(d => new Data('<' + d + '>')))",
        ),
        (
            "start argument, variables, both dialects",
            "var $c\npipy.listen('127.0.0.1:PORT', $ => $.onStart(c => { $c = c })\
             .replaceData(d => new Data(($c.remoteAddress === '127.0.0.1' && __inbound === $c ? '<' : '?') + d + '>')))",
        ),
        (
            "the last call for a port counts",
            "pipy.listen(PORT, $ => $.replaceData(() => new Data('no')))\n\
             pipy.listen(PORT, $ => $.replaceData(d => new Data('<' + d + '>')))",
        ),
        (
            "beside a configuration",
            "pipy.listen(PORT, $ => $.replaceData(d => new Data('<' + d + '>')))\npipy().task().onStart(new StreamEnd)",
        ),
        (
            "when a promise of loading is settled",
            "Promise.resolve().then(() => pipy.listen(PORT, $ => $.replaceData(d => new Data('<' + d + '>'))))",
        ),
    ] {
        let served = serve(script).await;
        if name.starts_with("when") {
            let port = served.port;
            eventually("the port", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        }
        assert_eq!(exchange(served.port, b"x").await, b"<x>", "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn wrong_arguments_are_refused() {
    for (name, script, said) in [
        ("nothing", "pipy.listen()", "listen expects a port"),
        ("no builder", "pipy.listen(80)", "listen expects a port"),
        (
            "a name",
            "pipy.listen(80, 'tcp', 'x')",
            "argument 3 expects a pipeline template",
        ),
        (
            "a host name",
            "pipy.listen('localhost:80', $ => $)",
            "'localhost' in 'localhost:80' is not an IP address",
        ),
        ("no port", "pipy.listen('x', $ => $)", "invalid port"),
        (
            "an option",
            "pipy.listen(80, { idleTimeout: {} }, $ => $)",
            "options.idleTimeout expects a number",
        ),
        (
            "two pipelines",
            "pipy.listen(80, $ => $, $ => $)",
            "argument 2 expects a protocol or options",
        ),
    ] {
        check_refused(name, &[("/main.js", script)], said).await;
    }
}

/// A port that is taken: an exception while the first version loads, with the place of the call.
#[tokio::test(flavor = "current_thread")]
async fn a_port_that_cannot_be_opened_throws() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let at = taken.local_addr().expect("bound").port();
    let script = format!("\n  pipy.listen('127.0.0.1:{at}', $ => $)");
    let refused = try_serve(&[("/main.js", script.as_str())]).await.map(drop);
    let error = refused.expect_err("the port is taken").to_string();
    assert!(error.contains("/main.js:2:8"), "{error}");
    assert!(
        error.contains(&format!("unable to listen on 127.0.0.1:{at}")),
        "{error}"
    );
    // It may be caught.
    let script = format!("try {{ pipy.listen('127.0.0.1:{at}', $ => $) }} catch (e) {{}}\npipy.listen(PORT, $ => $)");
    let served = serve(&script).await;
    assert_eq!(exchange(served.port, b"x").await, b"x");
    // By force, and on reload, it is logged.
    let other = free_port();
    let script = format!("pipy.listen('127.0.0.1:{at}', $ => $)\npipy.listen('127.0.0.1:{other}', $ => $)");
    let options = Options {
        force_start: true,
        ..Options::default()
    };
    let mut engine = Engine::start(codebase("1", &[("/main.js", script.as_str())]), options)
        .await
        .expect("starts");
    assert_eq!(exchange(other, b"x").await, b"x");
    engine
        .reload(codebase("2", &[("/main.js", script.as_str())]))
        .await
        .expect("reloads");
    assert_eq!(exchange(other, b"x").await, b"x");
}

/// What a script that fails has opened is closed again, and nothing was accepted.
#[tokio::test(flavor = "current_thread")]
async fn nothing_is_accepted_before_all_has_loaded() {
    let port = free_port();
    let script = format!("pipy.listen('127.0.0.1:{port}', $ => $)\nno.thing");
    assert!(try_serve(&[("/main.js", script.as_str())]).await.is_err());
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

/// After the start it takes effect at once; live connections go on as they were.
#[tokio::test(flavor = "current_thread")]
async fn ports_open_change_and_close_while_scripts_run() {
    let port = free_port();
    let script = format!(
        "var answer = word => $ => $.replaceData(() => new Data(word))\n\
         pipy.listen(PORT, $ => $.replaceData(d => {{\n\
           switch (d.toString()) {{\n\
             case 'open': pipy.listen({port}, answer('first')); break\n\
             case 'change': pipy.listen({port}, {{ maxConnections: 9 }}, answer('second')); break\n\
             case 'close': pipy.listen({port}, null); break\n\
           }}\n\
           return new Data('done')\n\
         }}))"
    );
    let served = serve(&script).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "not open yet");
    assert_eq!(exchange(served.port, b"open").await, b"done");
    let mut old = TcpStream::connect(("127.0.0.1", port)).await.expect("open");
    old.write_all(b"x").await.expect("write");
    let mut got = [0; 5];
    old.read_exact(&mut got).await.expect("read");
    assert_eq!(&got, b"first");
    assert_eq!(exchange(served.port, b"change").await, b"done");
    assert_eq!(exchange(port, b"x").await, b"second");
    old.write_all(b"x").await.expect("write");
    old.read_exact(&mut got).await.expect("read");
    assert_eq!(&got, b"first");
    assert_eq!(exchange(served.port, b"close").await, b"done");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "closed");
    old.write_all(b"x").await.expect("write");
    old.read_exact(&mut got).await.expect("read");
    assert_eq!(&got, b"first");
}

/// A port of both versions keeps its socket, one of the old version closes, whoever opened it.
#[tokio::test(flavor = "current_thread")]
async fn a_reload_keeps_shared_ports() {
    let (both, old, new) = (free_port(), free_port(), free_port());
    let version = |word: &str, other: u16| {
        format!(
            "pipy.listen({both}, $ => $.replaceData(() => new Data('{word}')))\n\
             pipy.listen({other}, $ => $.replaceData(() => new Data('{word}')))"
        )
    };
    let first = version("a", old);
    let mut engine = Engine::start(codebase("1", &[("/main.js", first.as_str())]), Options::default())
        .await
        .expect("starts");
    assert_eq!(exchange(old, b"x").await, b"a");
    let mut living = TcpStream::connect(("127.0.0.1", both)).await.expect("open");
    living.write_all(b"x").await.expect("write");
    let mut got = [0; 1];
    living.read_exact(&mut got).await.expect("read");
    let second = version("b", new);
    engine
        .reload(codebase("2", &[("/main.js", second.as_str())]))
        .await
        .expect("reloads");
    assert_eq!(exchange(both, b"x").await, b"b");
    assert_eq!(exchange(new, b"x").await, b"b");
    assert!(TcpStream::connect(("127.0.0.1", old)).await.is_err(), "closed");
    living.write_all(b"x").await.expect("write");
    living.read_exact(&mut got).await.expect("read");
    assert_eq!(&got, b"a", "a live connection keeps its version");
}

/// The same port of UDP is another one.
#[tokio::test(flavor = "current_thread")]
async fn a_udp_port() {
    let script = "pipy.listen('127.0.0.1:PORT', 'udp', $ => $.replaceData(d => new Data('<' + d + '>')))\n\
                  pipy.listen('127.0.0.1:PORT', $ => $.replaceData(d => new Data('(' + d + ')')))";
    let served = serve(script).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    socket.send_to(b"x", ("127.0.0.1", served.port)).await.expect("sent");
    let mut got = [0; 16];
    let answer = tokio::time::timeout(DEADLINE, socket.recv_from(&mut got)).await;
    let (size, _) = answer.expect("in time").expect("received");
    assert_eq!(&got[..size], b"<x>");
    assert_eq!(exchange(served.port, b"x").await, b"(x)");
}
