//! Connections in both directions on loopback. Expectations: pipyjs/http.md sections 6 and 7.

use crate::worker::testing::{DEADLINE, eventually, exchange, free_port, serve};
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
