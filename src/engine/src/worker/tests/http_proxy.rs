//! `muxHTTP` below `demuxHTTP`, between raw sockets: pipyjs/http.md sections 3, 5, 7, 8, filters.md section 5.

use crate::worker::testing::{DEADLINE, Served, eventually, exchange, serve};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const OK_SENT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok";

/// A server that answers each request head (with its body of a known length) as told and notes what it saw.
struct Upstream {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Upstream {
    /// `reply` gives the answer to a request; None: close.
    async fn start(reply: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let upstream = Upstream {
            port: listener.local_addr().expect("has an address").port(),
            seen: Arc::default(),
            accepted: Arc::default(),
            open: Arc::default(),
        };
        let (seen, accepted, open) = (upstream.seen.clone(), upstream.accepted.clone(), upstream.open.clone());
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (seen, open, reply) = (seen.clone(), open.clone(), reply.clone());
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::SeqCst);
                    while let Some(request) = read_message(&mut stream).await {
                        let answer = reply(&request);
                        seen.lock().expect("nobody panicked").push(request);
                        let Some(answer) = answer else { break };
                        let (answer, last) = match answer.strip_suffix("<EOF>") {
                            Some(answer) => (answer, true),
                            None => (&*answer, false),
                        };
                        if stream.write_all(answer.as_bytes()).await.is_err() || last {
                            break;
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        upstream
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panicked").clone()
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    async fn proxy(&self, mux: &str) -> Served {
        serve(&format!(
            "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP({mux}).to($ => $.connect('127.0.0.1:{}')))",
            self.port
        ))
        .await
    }
}

/// A head, and a body when it has a content-length; None at the end.
async fn read_message(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut wanted = usize::MAX;
    while text.len() < wanted {
        text.push(stream.read_u8().await.ok()?);
        if wanted == usize::MAX && text.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            wanted = text.len() + length.unwrap_or(0);
        }
    }
    String::from_utf8(text).ok()
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("connects")
}

async fn expects(name: &str, stream: &mut TcpStream, output: &str) {
    let mut got = vec![0; output.len()];
    match timeout(DEADLINE, stream.read_exact(&mut got)).await {
        Ok(Ok(_)) => assert_eq!(String::from_utf8_lossy(&got), output, "{name}"),
        Ok(Err(error)) => panic!("{name}: {error} after {:?}", String::from_utf8_lossy(&got)),
        Err(_) => panic!("{name}: only {:?}", String::from_utf8_lossy(&got)),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn responses_pass() {
    let kept = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\nconnection: keep-alive\r\n\r\n{body}");
    let rows: &[(&str, &str, &str, String)] = &[
        ("length", GET, OK, OK_SENT.into()),
        (
            "names and order stay",
            GET,
            "HTTP/1.1 404 Nope\r\nX-B: 1\r\nx-a: 2\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\nKeep-Alive: 5\r\n\r\n",
            kept("404 Nope\r\nX-B: 1\r\nx-a: 2\r\ncontent-length: 0", ""),
        ),
        (
            "chunked",
            GET,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            OK_SENT.into(),
        ),
        ("until the end", GET, "HTTP/1.1 200 OK\r\n\r\nok<EOF>", OK_SENT.into()),
        (
            "1.0",
            GET,
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok<EOF>",
            OK_SENT.into(),
        ),
        (
            "304",
            GET,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
            kept("304 Not Modified", ""),
        ),
        (
            "204",
            GET,
            "HTTP/1.1 204 No Content\r\n\r\n",
            kept("204 No Content", ""),
        ),
        (
            "head",
            "HEAD / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
            kept("200 OK\r\ncontent-length: 7", ""),
        ),
        (
            "100, then 201",
            GET,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
            [
                "HTTP/1.1 100 Continue\r\n\r\n",
                &*kept("201 Created\r\ncontent-length: 0", ""),
            ]
            .concat(),
        ),
        ("close after a byte", GET, "H<EOF>", String::new()),
        ("close without a byte", GET, "<EOF>", String::new()),
        ("garbage", GET, "garbage\r\n\r\n", String::new()),
        (
            "101 that nobody asked for",
            GET,
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            String::new(),
        ),
        // Not re-framed with the shorter length: pipyjs/http.md section 2, "Better".
        (
            "short body",
            GET,
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nok<EOF>",
            String::new(),
        ),
        (
            "short chunks",
            GET,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n<EOF>",
            String::new(),
        ),
    ];
    for (name, request, reply, output) in rows {
        let upstream = Upstream::start(|_| Some((*reply).to_owned())).await;
        let served = upstream.proxy("").await;
        let got = exchange(served.port, request.as_bytes()).await;
        assert_eq!(String::from_utf8_lossy(&got), *output, "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn requests_pass() {
    let upstream = Upstream::start(|_| Some(OK.to_owned())).await;
    let served = upstream.proxy("").await;
    let sent = [
        "GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nConnection: Keep-Alive\r\nKeep-Alive: 9\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ];
    let got = exchange(served.port, sent.concat().as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&got), OK_SENT.repeat(3));
    let mut seen = upstream.seen();
    seen.sort();
    assert_eq!(
        seen,
        [
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nconnection: keep-alive\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n",
            "PUT / HTTP/1.1\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc",
        ]
    );
}

#[tokio::test(flavor = "current_thread")]
async fn failures_become_responses() {
    let below =
        |filter: &str| format!("pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP().to($ => $.{filter}))");
    let free = crate::worker::testing::free_port();
    let rows = [
        (
            "refused",
            below(&format!("connect('127.0.0.1:{free}')")),
            "502 Connection Refused\r\ncontent-length: 0",
            "",
        ),
        (
            "unauthorized",
            below("replaceData(() => new StreamEnd('Unauthorized'))"),
            "401 Unauthorized\r\ncontent-length: 0",
            "",
        ),
        (
            "idle",
            below("replaceData(() => new StreamEnd('IdleTimeout'))"),
            "504 Gateway Timeout\r\ncontent-length: 0",
            "",
        ),
        (
            "read error",
            below("replaceData(() => new StreamEnd('ReadError'))"),
            "502 Read Error\r\ncontent-length: 0",
            "",
        ),
        (
            "other",
            below("replaceData(() => new StreamEnd('BufferOverflow'))"),
            "502 Bad Gateway\r\ncontent-length: 0",
            "",
        ),
    ];
    for (name, script, head, body) in rows {
        let served = serve(&script).await;
        let got = exchange(served.port, GET.repeat(2).as_bytes()).await;
        let expected = format!("HTTP/1.1 {head}\r\nconnection: keep-alive\r\n\r\n{body}").repeat(2);
        assert_eq!(String::from_utf8_lossy(&got), expected, "{name}");
    }
    // An exception is dumped into the body; the client stays.
    let served = serve(&below("handleData(() => { throw new Error('oops') })")).await;
    let got = exchange(served.port, GET.as_bytes()).await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{got}");
    assert!(
        got.contains("connection: keep-alive") && got.contains("name: \"Error\"") && got.contains("oops"),
        "{got}"
    );
    let served = serve(&below("connect('name.invalid:1')")).await;
    let got = exchange(served.port, GET.as_bytes()).await;
    assert!(
        got.starts_with(b"HTTP/1.1 502 Cannot Resolve\r\n"),
        "{}",
        String::from_utf8_lossy(&got)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn sessions_are_shared_by_key() {
    // (name, arguments of muxHTTP, reply, upstream connections of two clients with two requests each, one by one)
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok<EOF>";
    let rows = [
        ("no key: per client", "", OK, 2),
        ("undefined: per client", "() => undefined", OK, 2),
        ("null: one", "null", OK, 1),
        ("null from a function: one", "() => null", OK, 1),
        ("string: one", "() => 'a' + 'b'", OK, 1),
        ("object: by identity", "() => $key", OK, 1),
        ("fresh objects", "() => ({})", OK, 4),
        ("by inbound", "() => __inbound", OK, 2),
        ("close", "() => 1", closing, 4),
        (
            "1.0",
            "() => 1",
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok<EOF>",
            4,
        ),
        ("maxIdle 0", "() => 1, { maxIdle: 0 }", OK, 4),
        ("maxMessages", "() => 1, { maxMessages: 3 }", OK, 2),
        ("options as a function", "() => 1, () => ({ maxMessages: 2 })", OK, 2),
        ("options alone", "{ maxMessages: 1 }", OK, 4),
    ];
    for (name, mux, reply, connections) in rows {
        let upstream = Upstream::start(move |_| Some(reply.to_owned())).await;
        let served = serve(&format!(
            "(($key) => pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP({mux}).to($ => $.connect('127.0.0.1:{}'))))({{}})",
            upstream.port
        ))
        .await;
        let mut clients = [connect(served.port).await, connect(served.port).await];
        for _ in 0..2 {
            for client in &mut clients {
                client.write_all(GET.as_bytes()).await.expect("writes");
                expects(name, client, OK_SENT).await;
            }
        }
        assert_eq!(upstream.accepted(), connections, "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn responses_keep_the_order_of_the_requests() {
    // The answer to /slow leaves only when /fast has been seen.
    let (fast, wait) = tokio::sync::watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("has an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (fast, mut wait) = (fast.clone(), wait.clone());
            tokio::spawn(async move {
                while let Some(request) = read_message(&mut stream).await {
                    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    if path == "/slow" {
                        wait.wait_for(|seen| *seen).await.ok();
                    }
                    let length = path.len();
                    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}");
                    stream.write_all(reply.as_bytes()).await.ok();
                    fast.send_replace(path == "/fast" || *fast.borrow());
                }
            });
        }
    });
    let served = serve(&format!(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:{port}')))"
    ))
    .await;
    let got = exchange(
        served.port,
        b"GET /slow HTTP/1.1\r\n\r\nGET /fast HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    )
    .await;
    let bodies: Vec<String> = String::from_utf8_lossy(&got)
        .split("\r\n\r\n")
        .map(|part| part.split("HTTP").next().unwrap_or_default().to_owned())
        .skip(1)
        .collect();
    assert_eq!(bodies, ["/slow", "/fast", "/x"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_goes_away_closes_its_session() {
    let (told, mut asked) = tokio::sync::mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("has an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        let request = read_message(&mut stream).await;
        told.send(request.is_some()).await.expect("the test waits");
        let rest = stream.read(&mut [0; 10]).await;
        told.send(!matches!(rest, Ok(1..))).await.expect("the test waits");
    });
    let served = serve(&format!(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP(null).to($ => $.connect('127.0.0.1:{port}')))"
    ))
    .await;
    let mut client = connect(served.port).await;
    client.write_all(GET.as_bytes()).await.expect("writes");
    assert_eq!(timeout(DEADLINE, asked.recv()).await, Ok(Some(true)), "asked");
    // A reset: a mere half-close would wait for the response.
    nix::sys::socket::setsockopt(
        &client,
        nix::sys::socket::sockopt::Linger,
        &nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )
    .expect("sets an option");
    drop(client);
    assert_eq!(timeout(DEADLINE, asked.recv()).await, Ok(Some(true)), "closed");
}

#[tokio::test(flavor = "current_thread")]
async fn tunnels_pass() {
    let rows = [
        (
            "connect",
            "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ),
        (
            "websocket",
            "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        ),
    ];
    for (name, request, reply, sent) in rows {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("has an address").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let head = read_message(&mut stream).await.expect("a request");
            assert!(name == "connect" || head.contains("connection: upgrade"), "{head}");
            stream
                .write_all([reply, "early"].concat().as_bytes())
                .await
                .expect("writes");
            let (mut reader, mut writer) = stream.split();
            tokio::io::copy(&mut reader, &mut writer).await.expect("echoes");
        });
        let served = serve(&format!(
            "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:{port}')))"
        ))
        .await;
        let got = exchange(served.port, [request, "raw bytes"].concat().as_bytes()).await;
        assert_eq!(
            String::from_utf8_lossy(&got),
            [sent, "early", "raw bytes"].concat(),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_slow_reader_stops_the_upstream() {
    const TOTAL: usize = 64 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("has an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        read_message(&mut stream).await.expect("a request");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {TOTAL}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("writes");
        let block = vec![b'x'; 64 << 10];
        while count.load(Ordering::SeqCst) < TOTAL {
            stream.write_all(&block).await.expect("writes");
            count.fetch_add(block.len(), Ordering::SeqCst);
        }
        // Stays until the proxy closes.
        stream.read_u8().await.ok();
    });
    let served = serve(&format!(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:{port}')))"
    ))
    .await;
    let mut client = connect(served.port).await;
    client.write_all(GET.as_bytes()).await.expect("writes");
    // Until nothing moves any more.
    let (mut before, mut same) = (0, 0);
    let seen = written.clone();
    eventually("the upstream stops", move || {
        let now = seen.load(Ordering::SeqCst);
        same = if now == before && now > 0 { same + 1 } else { 0 };
        before = now;
        same > 40
    })
    .await;
    let stopped = written.load(Ordering::SeqCst);
    assert!(stopped < TOTAL / 2, "stopped only after {stopped} bytes");
    let mut count = 0;
    let mut buffer = vec![0; 256 << 10];
    let mut end = Vec::new();
    while !end.ends_with(b"\r\n0\r\n\r\n") {
        let got = timeout(DEADLINE, client.read(&mut buffer))
            .await
            .expect("goes on")
            .expect("reads");
        assert!(got > 0, "closed after {count}");
        count += buffer[..got].iter().filter(|byte| **byte == b'x').count();
        end.extend_from_slice(&buffer[..got]);
        end.drain(..end.len().saturating_sub(16));
    }
    assert_eq!(count, TOTAL);
}

#[tokio::test(flavor = "current_thread")]
async fn unused_sessions_close() {
    let upstream = Upstream::start(|_| Some(OK.to_owned())).await;
    let open = upstream.open.clone();
    // By time.
    let served = upstream.proxy("() => 1, { maxIdle: 1 }").await;
    let mut client = connect(served.port).await;
    client.write_all(GET.as_bytes()).await.expect("writes");
    expects("answer", &mut client, OK_SENT).await;
    assert_eq!(open.load(Ordering::SeqCst), 1);
    let now = open.clone();
    eventually("closed by time", move || now.load(Ordering::SeqCst) == 0).await;
    // With the connection that they were for.
    let served = upstream.proxy("").await;
    let mut client = connect(served.port).await;
    client.write_all(GET.as_bytes()).await.expect("writes");
    expects("answer", &mut client, OK_SENT).await;
    drop(client);
    let now = open.clone();
    eventually("closed with its client", move || now.load(Ordering::SeqCst) == 0).await;
    drop(served);
}

#[tokio::test(flavor = "current_thread")]
async fn versions() {
    let upstream = Upstream::start(|_| Some(OK.to_owned())).await;
    for version in ["3", "'spdy'", "() => 'http/3'", "() => Promise.resolve('spdy')"] {
        let served = upstream.proxy(&format!("null, {{ version: {version} }}")).await;
        let got = exchange(served.port, GET.as_bytes()).await;
        assert!(got.starts_with(b"HTTP/1.1 500 "), "{version}");
    }
    assert_eq!(upstream.accepted(), 0);
    for version in ["1", "'http/1'", "'http/1.1'", "() => Promise.resolve(1)"] {
        let served = upstream.proxy(&format!("null, {{ version: {version} }}")).await;
        let got = exchange(served.port, GET.as_bytes()).await;
        assert_eq!(String::from_utf8_lossy(&got), OK_SENT, "{version}");
    }
    let served = upstream.proxy("null, { version: 'http/1.0' }").await;
    exchange(served.port, GET.as_bytes()).await;
    assert!(
        upstream
            .seen()
            .iter()
            .any(|request| request.starts_with("GET / HTTP/1.0\r\n"))
    );
}
