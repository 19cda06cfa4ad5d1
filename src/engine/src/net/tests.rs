//! Connections in both directions on loopback. Expectations: pipyjs/http.md sections 6 and 7.

use crate::worker::testing::{DEADLINE, check_refused, eventually, exchange, free_port, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server that answers `prefix` and what it got, when the client has half-closed.
async fn echo(prefix: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut got = prefix.as_bytes().to_vec();
                if stream.read_to_end(&mut got).await.is_ok() {
                    stream.write_all(&got).await.ok();
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "current_thread")]
async fn proxies_with_half_close_both_ways() {
    let upstream = echo("got ").await;
    for target in [
        format!("'127.0.0.1:{upstream}'"),
        format!("'localhost:{upstream}'"),
        format!("() => '127.0.0.1:{upstream}'"),
        format!("() => Promise.resolve('localhost:{upstream}')"),
        format!("() => ({{ ip: '127.0.0.1', port: {upstream} }})"),
    ] {
        let served = serve(&format!("pipy().listen(PORT).connect({target})")).await;
        assert_eq!(exchange(served.port, b"hello").await, b"got hello", "{target}");
    }
}

/// What `connect` ends its stream with, as seen by a script.
#[tokio::test(flavor = "current_thread")]
async fn reports_why_it_could_not_connect() {
    let (upstream, closed) = (echo("").await, free_port());
    for (name, connect, expected) in [
        ("refused", format!("'127.0.0.1:{closed}'"), "ConnectionRefused"),
        (
            "refused, after retries",
            format!("'127.0.0.1:{closed}', {{ retryCount: 2 }}"),
            "ConnectionRefused",
        ),
        ("unknown name", "'no-such-host.invalid:80'".to_owned(), "CannotResolve"),
        ("nothing as target", "() => ''".to_owned(), "invalid target"),
        ("null as target", "() => null".to_owned(), "invalid target"),
        (
            "too much waits",
            format!("'127.0.0.1:{upstream}', {{ bufferLimit: 3 }}"),
            "BufferOverflow",
        ),
        (
            "closed by the script",
            format!("'127.0.0.1:{upstream}', {{ onState: o => o.state == 'open' && o.close() }}"),
            "ConnectionAborted",
        ),
        (
            "exception of the target",
            "() => { throw new Error('oops') }".to_owned(),
            "oops",
        ),
        (
            "rejected target",
            "() => Promise.reject(new Error('oops'))".to_owned(),
            "oops",
        ),
    ] {
        let script = format!(
            "pipy().listen(PORT).connect({connect})
             .replaceStreamEnd(e => [new Data('[' + (e.error?.message ?? e.error ?? '') + ']'), new StreamEnd])"
        );
        let served = serve(&script).await;
        let got = exchange(served.port, b"hello").await;
        let got = String::from_utf8_lossy(&got);
        let got = got.strip_prefix("hello").unwrap_or(&got);
        assert_eq!(got, format!("[{expected}]"), "{name}");
    }
}

/// A server that does `talk` with each connection.
pub(super) async fn server<F>(talk: impl Fn(TcpStream) -> F + 'static) -> u16
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(talk(stream));
        }
    });
    port
}

/// Runs a test that uses `server`.
pub(super) async fn local(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

/// Sockets of this machine with `port` at either end that somebody still has open.
fn open_sockets(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux has this file");
    let port = format!(":{port:04X}");
    let open = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote, state) = (words.next(), words.next(), words.next());
        let ours = [local, remote]
            .into_iter()
            .flatten()
            .any(|address| address.ends_with(&port));
        // Not TIME_WAIT (06), FIN_WAIT2 (05) and LISTEN (0A), which need no file descriptor.
        ours && !matches!(state, Some("06" | "05" | "0A"))
    };
    table.lines().skip(1).filter(open).count()
}

#[tokio::test(flavor = "current_thread")]
async fn a_thousand_connections_leave_nothing() {
    let upstream = echo("").await;
    let served = serve(&format!("pipy().listen(PORT).connect('127.0.0.1:{upstream}')")).await;
    for round in 0..20 {
        let mut open = Vec::new();
        for n in 0..50 {
            let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
            match n % 5 {
                // Says nothing, goes away at once.
                0 => {}
                1 => stream.set_zero_linger().expect("linger"),
                2 => {
                    stream.write_all(b"abc").await.expect("write");
                    stream.set_zero_linger().expect("linger");
                }
                3 => stream.write_all(b"abc").await.expect("write"),
                _ => {
                    stream.write_all(b"abc").await.expect("write");
                    stream.shutdown().await.expect("shutdown");
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).await.expect("read");
                    assert_eq!(got, b"abc", "round {round}");
                }
            }
            open.push(stream);
        }
        assert!(open_sockets(served.port) > 0, "the count sees what is open");
    }
    let counters = served.engine.counters();
    eventually("no connection and no pipeline is left", || {
        counters.iter().all(|counters| {
            counters.inbound.get() == 0 && counters.outbound.get() == 0 && counters.pipelines.get() == 0
        })
    })
    .await;
    eventually("no socket is left", || {
        open_sockets(served.port) == 0 && open_sockets(upstream) == 0
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn ends_are_told_apart() {
    local(async {
        let reset = server(|mut stream| async move {
            stream.read_u8().await.ok();
            stream.set_zero_linger().expect("linger");
        })
        .await;
        let silent = server(|mut stream| async move {
            stream.read_to_end(&mut Vec::new()).await.ok();
            std::future::pending::<()>().await;
        })
        .await;
        let closes = server(|stream| async move { drop(stream) }).await;
        for (name, connect, expected) in [
            ("reset by the server", format!("'127.0.0.1:{reset}'"), "ConnectionReset"),
            ("closed by the server", format!("'127.0.0.1:{closes}'"), ""),
            (
                "nothing moves",
                format!("'127.0.0.1:{silent}', {{ idleTimeout: 0.5 }}"),
                "IdleTimeout",
            ),
            (
                "nothing comes",
                format!("'127.0.0.1:{silent}', {{ readTimeout: '0.5s' }}"),
                "ReadTimeout",
            ),
        ] {
            let script = format!(
                "pipy().listen(PORT).onStart(() => new Data('x')).connect({connect})
                 .replaceStreamEnd(e => [new Data('[' + (e.error ?? '') + ']'), new StreamEnd])"
            );
            let served = serve(&script).await;
            let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
            let mut got = String::new();
            timeout(DEADLINE, stream.read_to_string(&mut got))
                .await
                .expect("in time")
                .expect("read");
            // A server that closes with our byte unread resets us, too: both ends are right then.
            let is_right = got == format!("[{expected}]") || (expected.is_empty() && got == "[ConnectionReset]");
            assert!(is_right, "{name}: {got}");
        }
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_full_server_times_out() {
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    socket.bind("127.0.0.1:0".parse().expect("address")).expect("bind");
    let listener = socket.listen(1).expect("listen");
    let port = listener.local_addr().expect("address").port();
    let mut waiting = Vec::new();
    let short = std::time::Duration::from_millis(200);
    while let Ok(stream) = timeout(short, TcpStream::connect(("127.0.0.1", port))).await {
        waiting.push(stream.expect("connect"));
        assert!(waiting.len() < 10, "the queue of the server never fills");
    }
    let served = serve(&format!(
        "pipy().listen(PORT).connect('127.0.0.1:{port}', {{ connectTimeout: 0.1, retryCount: 1 }})
         .replaceStreamEnd(e => [new Data('' + e.error), new StreamEnd])"
    ))
    .await;
    assert_eq!(exchange(served.port, b"x").await, b"ConnectionTimeout");
}

/// The pipeline ends while we wait for a server that never reads: its connection ends with it, not by a time-out.
#[tokio::test(flavor = "current_thread")]
async fn a_server_that_never_reads_is_let_go() {
    local(async {
        let deaf = server(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await;
        let script =
            format!("pipy().listen(PORT, {{ idleTimeout: 1 }}).connect('127.0.0.1:{deaf}', {{ idleTimeout: 0 }})");
        let served = serve(&script).await;
        let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
        let block = vec![7; 256 << 10];
        let short = std::time::Duration::from_millis(300);
        while timeout(short, stream.write(&block))
            .await
            .is_ok_and(|written| written.is_ok())
        {}
        let counters = served.engine.counters();
        eventually("the connection to the server is closed", || {
            counters
                .iter()
                .all(|counters| counters.outbound.get() == 0 && counters.pipelines.get() == 0)
        })
        .await;
    })
    .await;
}

/// What waits for the connection pauses its source as well.
#[tokio::test(flavor = "current_thread")]
async fn a_pending_target_pauses_the_writer() {
    let served = serve("pipy().listen(PORT).connect(() => new Promise(() => {}))").await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
    let block = vec![7; 64 << 10];
    let short = std::time::Duration::from_millis(500);
    let mut sent = 0;
    while let Ok(written) = timeout(short, stream.write(&block)).await {
        sent += written.expect("write");
        assert!(sent < 64 << 20, "the proxy takes everything");
    }
    let taken: u64 = served
        .engine
        .counters()
        .iter()
        .map(|counters| counters.inbound_in.get())
        .sum();
    assert!((1 << 20..2 << 20).contains(&taken), "{taken} bytes were taken");
}

#[tokio::test(flavor = "current_thread")]
async fn servers_may_speak_first() {
    local(async {
        let greeting = server(|mut stream| async move {
            stream.write_all(b"220 hello").await.ok();
        })
        .await;
        for (name, pipeline) in [
            (
                "ours",
                "onStart(() => new Data('220 hello')).replaceStreamEnd()".to_owned(),
            ),
            (
                "behind us, dialled by a flush",
                format!("onStart(() => new Data).connect('127.0.0.1:{greeting}')"),
            ),
            (
                "by a promise",
                format!("onStart(() => new Timeout(0.01).wait().then(() => new Data)).connect('localhost:{greeting}')"),
            ),
        ] {
            let served = serve(&format!("pipy().listen(PORT).{pipeline}")).await;
            let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
            let mut got = [0; 9];
            timeout(DEADLINE, stream.read_exact(&mut got))
                .await
                .expect("in time")
                .expect("read");
            assert_eq!(&got, b"220 hello", "{name}");
        }
    })
    .await;
}

/// http.md section 6: `onState`, bytes that came before the connection, `bind`, options as a function.
#[tokio::test(flavor = "current_thread")]
async fn options_of_connect() {
    let upstream = echo("").await;
    for (name, options, expected) in [
        (
            "states",
            "{ onState: o => _s.push(o.state) }",
            "open connecting connected closed|hello",
        ),
        (
            "facts",
            "{ onState: o => o.state == 'connected' && _s.push(o.remoteAddress, o.localAddress, o.localPort > 0) }",
            "127.0.0.1 127.0.0.1 true|hello",
        ),
        (
            "bind",
            "{ bind: '127.0.0.3', onState: o => o.state == 'connected' && _s.push(o.localAddress) }",
            "127.0.0.3|hello",
        ),
        (
            "bind by function",
            "{ bind: () => '127.0.0.4:0', onState: o => o.state == 'connected' && _s.push(o.localAddress) }",
            "127.0.0.4|hello",
        ),
        (
            "bind of the socket",
            "{ onState: o => o.state == 'open' ? o.socket.bind('127.0.0.5') : o.state == 'connected' && _s.push(o.localAddress) }",
            "127.0.0.5|hello",
        ),
        (
            "options as a function",
            "() => ({ onState: o => _s.push(o.state[0]) })",
            "o c c c|hello",
        ),
    ] {
        let script = format!(
            "pipy({{ _s: [] }}).listen(PORT).onStart(() => void (_s = []))
             .connect(() => new Timeout(0.02).wait().then(() => '127.0.0.1:{upstream}'), {options})
             .replaceStreamEnd(e => new Timeout(0.05).wait().then(() => [new Data(_s.join(' ') + '|'), e]))"
        );
        let served = serve(&script).await;
        let got = String::from_utf8(exchange(served.port, b"hello").await).expect("text");
        let got = got.strip_prefix("hello").unwrap_or(&got);
        assert_eq!(format!("{got}hello"), expected, "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_connect_refuses_at_load() {
    for (arguments, message) in [
        ("", "argument 1 expects a string or a function"),
        ("1", "argument 1 expects a string or a function"),
        (
            "'a:1', { protocol: 'netlink' }",
            "connect: protocol 'netlink' is not in this engine; let a program that exec() starts speak netlink",
        ),
        (
            "'a:1', { bind: 'nowhere' }",
            "connect: bind 'nowhere' is not an address",
        ),
        (
            "'a:1', { idleTimeout: {} }",
            "options.idleTimeout expects a number or a function",
        ),
        ("'a:1', { onState: 1 }", "options.onState expects a function"),
    ] {
        let script = format!("pipy().listen(PORT).connect({arguments})");
        check_refused(arguments, &[("/main.js", &script)], message).await;
    }
}
