//! Options of `listen` and `connect` one by one, on loopback. Expectations: pipyjs/model.md 1.7 and section 2, http.md
//! section 6.

use crate::worker::testing::{DEADLINE, codebase, eventually, exchange, free_port, serve};
use crate::worker::{Engine, Options};
use nix::libc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A script's function that reads a socket option of 4 bytes as a number (little endian, as this machine is).
const READ: &str =
    "read = (s, level, option) => (d => s.getRawOption(level, option, d) || d.toArray()[0])(new Data([0, 0, 0, 0]))";

#[tokio::test(flavor = "current_thread")]
async fn options_of_sockets_reach_the_kernel() {
    let (socket, keep, tcp, nodelay) = (
        libc::SOL_SOCKET,
        libc::SO_KEEPALIVE,
        libc::IPPROTO_TCP,
        libc::TCP_NODELAY,
    );
    let both = format!("s => read(s, {socket}, {keep}) + ',' + read(s, {tcp}, {nodelay})");
    let peer = free_port();
    for (name, options, expected) in [
        ("defaults", "{}", "1,1"),
        ("off", "{ keepAlive: false, noDelay: false }", "0,0"),
        ("as text", "{ keepAlive: 'false', noDelay: 'true' }", "0,1"),
    ] {
        let script = format!(
            "(({READ}, show = {both}) => pipy({{ _out: '' }})
             .listen(PORT, {options})
             .connect('127.0.0.1:{peer}', () => Object.assign({options}, {{ onState: o => {{ if (o.state === 'connected') _out = show(o.socket) }} }}))
             .replaceData(() => new Data('in ' + show(__inbound.socket) + ' out ' + _out))
             .listen({peer}))()"
        );
        let served = serve(&script).await;
        let mut stream = TcpStream::connect(("127.0.0.1", served.port))
            .await
            .expect("it listens");
        stream.write_all(b"x").await.expect("write");
        let expected = format!("in {expected} out {expected}");
        let mut got = vec![0; expected.len()];
        timeout(DEADLINE, stream.read_exact(&mut got))
            .await
            .expect("in time")
            .expect(name);
        assert_eq!(String::from_utf8_lossy(&got), expected, "{name}");
    }
}

/// model.md 1.7: `socket` of both directions; `open` is before `connect(2)`.
#[tokio::test(flavor = "current_thread")]
async fn raw_options_and_bind() {
    let (level, priority, kind) = (libc::SOL_SOCKET, libc::SO_PRIORITY, libc::SO_TYPE);
    let peer = free_port();
    for (name, code, expected) in [
        (
            "set while open, read when connected",
            format!("o => {{ if (o.state === 'open') _s = o.socket.setRawOption({level}, {priority}, new Data([5, 0, 0, 0])); if (o.state === 'connected') _s += ' ' + read(o.socket, {level}, {priority}) }}"),
            "0 5",
        ),
        (
            "an option that the kernel does not let be set",
            format!("o => {{ if (o.state === 'open') _s = o.socket.setRawOption({level}, {kind}, new Data([1, 0, 0, 0])) }}"),
            "92",
        ),
        (
            "bind too late",
            "o => { if (o.state === 'connected') _s = invoke(() => o.socket.bind('127.0.0.1'), e => e) }".to_owned(),
            "bind: the socket is connected already",
        ),
        (
            "bind, no address",
            "o => { if (o.state === 'open') _s = invoke(() => o.socket.bind('here'), e => e) }".to_owned(),
            "bind: 'here' is not an address; expected 'ip' or 'ip:port'",
        ),
        (
            "bind, two arguments",
            "o => { if (o.state === 'open') o.socket.bind('127.0.0.9', 0); else if (o.state === 'connected') _s = o.localAddress }".to_owned(),
            "127.0.0.9",
        ),
    ] {
        for protocol in ["tcp", "udp"] {
            let script = format!(
                "(({READ}) => pipy({{ _s: 'nothing' }}).listen(PORT)
                 .connect('127.0.0.1:{peer}', {{ protocol: '{protocol}', onState: {code} }})
                 .replaceData(() => [new Data('' + _s), new StreamEnd])
                 .listen({peer}, {{ protocol: '{protocol}' }}))()"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, b"x").await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{name}, {protocol}");
        }
    }
    let script = "pipy({ _s: null }).listen(PORT).onStart(i => void (_s = i.socket))
        .replaceData(() => new Data(invoke(() => _s.bind('127.0.0.1'), e => e)))
        .listen(OTHER).onStart(i => new Data(invoke(() => all[0].getRawOption(1, 3, new Data([0, 0, 0, 0])), e => e)))";
    let other = free_port();
    let script = format!(
        "(all => {})([])",
        script
            .replace("OTHER", &other.to_string())
            .replace("void (_s = i.socket)", "void (all.push(i.socket), _s = i.socket)")
    );
    let served = serve(&script).await;
    assert_eq!(
        exchange(served.port, b"x").await,
        b"bind: the socket is connected already"
    );
    eventually("the connection is closed", || {
        served
            .engine
            .counters()
            .iter()
            .all(|counters| counters.inbound.get() == 0)
    })
    .await;
    assert_eq!(exchange(other, b"").await, b"socket is gone");
}

/// http.md section 6: attempts after a failure, and the pause between them.
#[tokio::test(flavor = "current_thread")]
async fn retries_are_counted_and_paused() {
    let closed = free_port();
    for (options, attempts, least) in [
        ("retryCount: 0", 1, 0),
        ("retryCount: 2", 3, 0),
        ("retryCount: 2, retryDelay: 0.2", 3, 400),
        ("retryCount: '1', retryDelay: '0.2s'", 2, 200),
    ] {
        let script = format!(
            "pipy({{ _n: 0 }}).listen(PORT).connect('127.0.0.1:{closed}', {{ {options}, onState: o => {{ if (o.state === 'connecting') _n++ }} }})
             .replaceStreamEnd(e => [new Data(_n + e.error), new StreamEnd])"
        );
        let served = serve(&script).await;
        let began = std::time::Instant::now();
        let got = exchange(served.port, b"x").await;
        assert_eq!(
            String::from_utf8_lossy(&got),
            format!("{attempts}ConnectionRefused"),
            "{options}"
        );
        assert!(
            began.elapsed().as_millis() >= least,
            "{options}: after {:?}",
            began.elapsed()
        );
    }
    // Endless: until the server comes.
    let late = free_port();
    let served = serve(&format!(
        "pipy().listen(PORT).connect('127.0.0.1:{late}', {{ retryCount: -1, retryDelay: 0.02 }})"
    ))
    .await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    stream.write_all(b"x").await.expect("write");
    eventually("it tries", || {
        served
            .engine
            .counters()
            .iter()
            .all(|counters| counters.inbound_in.get() == 1)
    })
    .await;
    let listener = TcpListener::bind(("127.0.0.1", late)).await.expect("bind");
    let (mut peer, _) = timeout(DEADLINE, listener.accept())
        .await
        .expect("in time")
        .expect("accept");
    assert_eq!(peer.read_u8().await.expect("what waited"), b'x');
}

/// model.md section 2: at the limit accepting pauses, and goes on as connections close.
#[tokio::test(flavor = "current_thread")]
async fn listeners_stop_accepting_at_their_limit() {
    for option in ["maxConnections", "maxPortConnections"] {
        let served = serve(&format!(
            "pipy().listen(PORT, {{ {option}: 2 }}).onStart(() => new Data('.'))"
        ))
        .await;
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(("127.0.0.1", served.port))
                .await
                .expect("it listens");
            assert_eq!(
                timeout(DEADLINE, stream.read_u8())
                    .await
                    .expect("in time")
                    .expect("read"),
                b'.'
            );
            open.push(stream);
        }
        let mut third = TcpStream::connect(("127.0.0.1", served.port))
            .await
            .expect("the backlog takes it");
        let waiting = timeout(std::time::Duration::from_millis(200), third.read_u8()).await;
        assert!(waiting.is_err(), "{option}: a third connection is served");
        open.pop();
        let served_now = timeout(DEADLINE, third.read_u8())
            .await
            .expect("in time")
            .expect("read");
        assert_eq!(served_now, b'.', "{option}");
    }
}

/// The same row: over all threads of the process. Which thread gets a connection is the system's choice.
#[tokio::test(flavor = "current_thread")]
async fn the_limit_of_a_port_holds_over_threads() {
    let port = free_port();
    let script = format!("pipy().listen({port}, {{ maxPortConnections: 3 }}).onStart(() => new Data('.'))");
    let options = Options {
        threads: 4,
        reuse_port: true,
        ..Options::default()
    };
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    let _engine = engine.expect("it loads");
    let mut streams = Vec::new();
    for _ in 0..20 {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        streams.push(stream.expect("it listens, or the backlog takes it"));
    }
    let mut seen = 0;
    while !streams.is_empty() {
        let (mut open, mut waiting) = (Vec::new(), Vec::new());
        let wanted = streams.len().min(3);
        let end = tokio::time::Instant::now() + DEADLINE;
        while open.len() < wanted && tokio::time::Instant::now() < end {
            for mut stream in std::mem::take(&mut streams) {
                match timeout(std::time::Duration::from_millis(20), stream.read_u8()).await {
                    Ok(byte) => open.push(byte.map(|_| stream).expect("it is open")),
                    Err(_) => waiting.push(stream),
                }
            }
            streams.append(&mut waiting);
        }
        // More would be there by now: all were asked, some several times.
        assert_eq!(open.len(), wanted, "served at a time, after {seen}");
        seen += open.len();
    }
    assert_eq!(seen, 20);
}

/// What is buffered beyond `bufferLimit` aborts the connection; a peer that takes nothing for `writeTimeout` too.
#[tokio::test(flavor = "current_thread")]
async fn output_that_nobody_takes() {
    for (options, name) in [
        ("bufferLimit: '1m'", "BufferOverflow"),
        ("writeTimeout: 0.5", "WriteTimeout"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let deaf = listener.local_addr().expect("address").port();
        let script = format!(
            "pipy().listen(PORT, {{ congestionLimit: '64m' }}).connect('127.0.0.1:{deaf}', {{ congestionLimit: '64m', {options} }})
             .replaceStreamEnd(e => [new Data('' + e.error), new StreamEnd])"
        );
        let served = serve(&script).await;
        let stream = TcpStream::connect(("127.0.0.1", served.port))
            .await
            .expect("it listens");
        let (mut reader, mut writer) = stream.into_split();
        let writing = tokio::spawn(async move {
            let block = vec![7; 64 << 10];
            for _ in 0..500 {
                if writer.write_all(&block).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        });
        let mut got = String::new();
        timeout(DEADLINE, reader.read_to_string(&mut got))
            .await
            .expect("in time")
            .ok();
        assert_eq!(got, name, "{options}");
        writing.abort();
    }
}

/// model.md 1.7: without a redirect there is no original destination, and no capability is needed; `masquerade` and
/// options that nobody knows are ignored.
#[tokio::test(flavor = "current_thread")]
async fn transparent_without_a_redirect() {
    let script = "pipy().listen(PORT, { transparent: true, masquerade: true, unknown: {} })
        .replaceData(() => new Data('[' + __inbound.destinationAddress + __inbound.destinationPort + ']'))";
    assert_eq!(exchange(serve(script).await.port, b"x").await, b"[0]");
}
