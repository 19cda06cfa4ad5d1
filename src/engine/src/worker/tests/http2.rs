//! HTTP/2 of `demuxHTTP`, `serveHTTP` and `muxHTTP` against a client of our codec, which has its own tests against other
//! implementations. Source: pipyjs/http.md sections 1, 3 to 5 and 7, repo.md 1.1; RFC 9113.

use crate::limits;
use crate::worker::testing::{DEADLINE, exchange, serve};
use ballast_codec::Chunks;
use ballast_codec::http1::{Headers, Method, RequestHead};
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role, StreamId};
use bytes::Bytes;
use std::collections::HashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came of one request.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    status: u16,
    body: String,
    /// `name: value` lines.
    trailers: Vec<String>,
    reset: Option<ErrorCode>,
    done: bool,
}

impl Answer {
    fn text(&self) -> String {
        match self.reset {
            Some(code) => format!("{} {} reset {}", self.status, self.body, code.name()),
            None => format!("{} {}{}", self.status, self.body, self.trailers.concat()),
        }
    }
}

pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) connection: Connection,
    input: Chunks,
    answers: HashMap<StreamId, Answer>,
    pub(super) goaway: Option<ErrorCode>,
    pub(super) closed: bool,
    /// Nothing is given back: windows run out.
    is_stuck: bool,
}

pub(super) fn get(path: &str) -> RequestHead {
    let mut headers = Headers::new();
    headers.push(b"host", b"h").expect("a header");
    RequestHead {
        target: Bytes::copy_from_slice(path.as_bytes()),
        headers,
        ..RequestHead::default()
    }
}

impl Client {
    pub(super) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
        stream.set_nodelay(true).expect("sets an option");
        Client {
            stream,
            connection: Connection::new(Role::Client, Config::default()),
            input: Chunks::new(),
            answers: HashMap::new(),
            goaway: None,
            closed: false,
            is_stuck: false,
        }
    }

    pub(super) fn output(&mut self) -> Vec<u8> {
        let mut output = Chunks::new();
        self.connection.take_output(usize::MAX, &mut output);
        output.iter().flat_map(|chunk| chunk.to_vec()).collect()
    }

    /// Sends what is to be sent and takes in what comes.
    pub(super) async fn step(&mut self) {
        let output = self.output();
        if self.stream.write_all(&output).await.is_err() {
            self.closed = true;
            return;
        }
        let mut buffer = vec![0; 64 << 10];
        match timeout(DEADLINE, self.stream.read(&mut buffer))
            .await
            .expect("something comes")
        {
            Ok(count) if count > 0 => self.input.push(Bytes::copy_from_slice(&buffer[..count])),
            _ => self.closed = true,
        }
        while let Some(event) = self.connection.decode(&mut self.input).expect("follows the rules") {
            self.note(event);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Response { stream, head, end } => {
                let answer = self.answers.entry(stream).or_default();
                answer.status = head.status;
                answer.done |= end;
            }
            Event::Data { stream, bytes, end } => {
                if !self.is_stuck {
                    self.connection.release(stream, bytes.len());
                }
                let answer = self.answers.entry(stream).or_default();
                answer.body.push_str(&String::from_utf8_lossy(&bytes));
                answer.done |= end;
            }
            Event::Trailers { stream, headers } => {
                let answer = self.answers.entry(stream).or_default();
                let line =
                    |(name, value)| format!("|{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                answer.trailers = headers.iter().map(line).collect();
                answer.done = true;
            }
            Event::Reset { stream, code, .. } => {
                let answer = self.answers.entry(stream).or_default();
                answer.reset = Some(code);
                answer.done = true;
            }
            Event::Goaway { code, .. } => self.goaway = Some(code),
            _ => {}
        }
    }

    pub(super) async fn answer(&mut self, stream: StreamId) -> String {
        while !self.answers.get(&stream).is_some_and(|answer| answer.done) {
            assert!(
                !self.closed,
                "closed before stream {stream} was answered: {:?}",
                self.answers
            );
            self.step().await;
        }
        self.answers[&stream].text()
    }

    pub(super) async fn ask(&mut self, head: &RequestHead, body: Option<&str>) -> String {
        let stream = self.connection.send_request(head, body.is_none()).expect("can be sent");
        if let Some(body) = body {
            let data = Bytes::copy_from_slice(body.as_bytes());
            self.connection.send_data(stream, data, true).expect("can be sent");
        }
        self.answer(stream).await
    }

    pub(super) async fn ends(&mut self) {
        while !self.closed {
            self.step().await;
        }
    }
}

const ECHO: &str = "replaceMessage(req => new Message({ status: 201 }, req.head.path + ' ' + req.body))";

#[tokio::test(flavor = "current_thread")]
async fn prior_knowledge_also_byte_by_byte() {
    for server in [
        format!("demuxHTTP().to($ => $.{ECHO})"),
        "serveHTTP(req => new Message({ status: 201 }, req.head.path + ' ' + req.body))".to_owned(),
    ] {
        let served = serve(&format!("pipy().listen('127.0.0.1:PORT').{server}")).await;
        let mut client = Client::connect(served.port).await;
        for body in ["a", "b"] {
            assert_eq!(client.ask(&get("/x"), Some(body)).await, format!("201 /x {body}"));
        }
        let mut client = Client::connect(served.port).await;
        let stream = client
            .connection
            .send_request(&get("/slow"), true)
            .expect("can be sent");
        for byte in client.output() {
            client.stream.write_all(&[byte]).await.expect("writes");
            tokio::task::yield_now().await;
        }
        assert_eq!(client.answer(stream).await, "201 /slow ");
    }
}

/// RFC 7540 3.2: 101, and the answer on stream 1.
#[tokio::test(flavor = "current_thread")]
async fn upgrade_from_http1() {
    let served = serve(&format!(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.{ECHO})"
    ))
    .await;
    let mut client = Client::connect(served.port).await;
    let request = "GET /up HTTP/1.1\r\nhost: h\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAA\r\n\r\n";
    client.stream.write_all(request.as_bytes()).await.expect("writes");
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let mut got = vec![0; switching.len()];
    client.stream.read_exact(&mut got).await.expect("reads");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(switching));
    // Our codec has no client for this; the frames say enough: SETTINGS, then HEADERS and DATA of stream 1.
    client
        .stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("writes");
    let mut frames = Vec::new();
    while !frames.windows(4).any(|four| four == b"/up ") {
        let mut buffer = [0; 1024];
        let count = timeout(DEADLINE, client.stream.read(&mut buffer))
            .await
            .expect("goes on")
            .expect("reads");
        assert!(count > 0, "closed after {frames:?}");
        frames.extend_from_slice(&buffer[..count]);
    }
    assert!(
        frames.windows(9).any(|head| head[3..] == [1, 4, 0, 0, 0, 1]),
        "HEADERS of stream 1: {frames:?}"
    );
    // With a body it stays HTTP/1.
    let request = request
        .replace("GET", "POST")
        .replace("\r\n\r\n", "\r\ncontent-length: 2\r\n\r\nxx");
    let got = exchange(served.port, request.as_bytes()).await;
    assert!(got.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&got));
}

/// pipyjs/http.md section 1: what is unset, and trailers in the tail.
#[tokio::test(flavor = "current_thread")]
async fn heads_and_tails_as_scripts_see_them() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.replaceMessage(req => new Message(
            { status: 200 },
            JSON.stringify([Object.keys(req.head), req.head.protocol, req.head.headerNames, req.head.method, req.head.scheme,
                req.head.authority, req.head.path, req.head.headers, req.tail.headers, req.tail.bodySize]),
            { headers: { 'grpc-status': '0' } })))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    let stream = client
        .connection
        .send_request(&get("/p?q"), false)
        .expect("can be sent");
    client
        .connection
        .send_data(stream, Bytes::from_static(b"body"), false)
        .expect("can be sent");
    let mut trailers = Headers::new();
    trailers.push(b"x-t", b"v").expect("a header");
    client.connection.send_trailers(stream, trailers).expect("can be sent");
    let expected = r#"200 [["protocol","headers","headerNames","method","scheme","authority","path"],null,null,"GET","http","h","/p?q",{"host":"h"},{"x-t":"v"},4]|grpc-status: 0"#;
    assert_eq!(client.answer(stream).await, expected);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stream_fails_alone() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.replaceMessage(req =>
            req.head.path === '/end' ? new StreamEnd :
            req.head.path === '/named' ? new StreamEnd('Unauthorized') :
            req.head.path === '/throw' ? no.way :
            req.head.path === '/half' ? [new MessageStart, new Data('half'), new StreamEnd] :
            new Message('ok')))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    for (path, expected) in [
        ("/end", "0  reset INTERNAL_ERROR"),
        ("/named", "0  reset INTERNAL_ERROR"),
        ("/throw", "500 "),
        ("/ok", "200 ok"),
    ] {
        assert_eq!(client.ask(&get(path), None).await, expected, "{path}");
    }
    let half = client.ask(&get("/half"), None).await;
    assert!(half.ends_with("reset INTERNAL_ERROR"), "{half}");
    assert_eq!(client.ask(&get("/ok"), None).await, "200 ok");
    let mut head = get("/ok");
    head.method = Method::Head;
    assert_eq!(client.ask(&head, None).await, "200 ", "no body to HEAD");
}

/// What a client resets ends that stream's pipeline with ConnectionReset.
#[tokio::test(flavor = "current_thread")]
async fn a_reset_reaches_the_pipeline() {
    let served = serve(
        "((_seen = []) => pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $
            .handleStreamEnd(end => _seen.push(end.error))
            .replaceMessage(req => new Message(_seen.join()))))()",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    let stream = client.connection.send_request(&get("/"), false).expect("can be sent");
    client.step().await;
    client.connection.reset(stream, ErrorCode::CANCEL);
    assert_eq!(client.ask(&get("/"), None).await, "200 ConnectionReset");
}

/// DEVIATES: a stream that the server cancels gets no 502 (pipyjs/http.md section 3), but is cancelled towards the client.
#[tokio::test(flavor = "current_thread")]
async fn deviates_a_cancelled_stream_is_not_answered() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP(() => 'k', { version: 2 }).to('server'))
        .pipeline('server').demuxHTTP().to($ => $.replaceMessage(req =>
            new StreamEnd(req.head.path === '/cancel' ? 'ConnectionReset' : 'ReadError')))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/cancel"), None).await, "0  reset CANCEL");
    assert_eq!(client.ask(&get("/other"), None).await, "502 ");
}

/// Every pair of versions; a body larger than the windows, both ways.
#[tokio::test(flavor = "current_thread")]
async fn proxies_between_versions() {
    let body = "0123456789abcdef".repeat(200_000);
    for version in [
        "1",
        "2",
        "'h2'",
        "() => 'http/2'",
        "() => new Timeout(0).wait().then(() => 'h2')",
        "() => Promise.resolve('http/1.1')",
    ] {
        let served = serve(&format!(
            "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP(() => 'k', {{ version: {version}, maxQueue: 100 }}).to('server'))
            .pipeline('server').demuxHTTP().to($ => $.{ECHO})"
        ))
        .await;
        let mut client = Client::connect(served.port).await;
        let streams: Vec<StreamId> = (0..10)
            .map(|n| {
                client
                    .connection
                    .send_request(&get(&format!("/{n}")), true)
                    .expect("can be sent")
            })
            .collect();
        for (n, stream) in streams.into_iter().enumerate() {
            assert_eq!(client.answer(stream).await, format!("201 /{n} "), "{version}");
        }
        let answer = client.ask(&get("/large"), Some(&body)).await;
        assert!(
            answer == format!("201 /large {body}"),
            "{version}: {} bytes",
            answer.len()
        );
        let got = exchange(served.port, b"GET /one HTTP/1.1\r\nhost: h\r\n\r\n").await;
        let expected = "HTTP/1.1 201 Created\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n/one ";
        assert_eq!(String::from_utf8_lossy(&got), expected, "{version}");
    }
}

/// Data and trailers pass as they come, both ways, without a JavaScript object.
#[tokio::test(flavor = "current_thread")]
async fn streams_pass_through_a_proxy() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP(() => 'k', { version: 2 }).to('server'))
        .pipeline('server').demuxHTTP().to($ => $
            .replaceMessageStart(() => new MessageStart({ status: 200 }))
            .replaceMessageEnd(end => new MessageEnd({ headers: { 'x-sum': end.tail.headers['x-t'] } })))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    let stream = client.connection.send_request(&get("/"), false).expect("can be sent");
    for (text, so_far) in [("one", "one"), ("two", "onetwo")] {
        client
            .connection
            .send_data(stream, Bytes::from_static(text.as_bytes()), false)
            .expect("can be sent");
        // Echoed before the request is complete.
        while client.answers.get(&stream).is_none_or(|answer| answer.body != so_far) {
            client.step().await;
        }
    }
    let mut trailers = Headers::new();
    trailers.push(b"x-t", b"3").expect("a header");
    client.connection.send_trailers(stream, trailers).expect("can be sent");
    assert_eq!(client.answer(stream).await, "200 onetwo|x-sum: 3");
}

#[tokio::test(flavor = "current_thread")]
async fn failures_of_the_session_become_responses() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP({ version: 2 }).to($ => $.connect('127.0.0.1:1')))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/"), None).await, "502 ");
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP({ version: 2 }).to($ => $.replaceStreamStart(() => new StreamEnd)))",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(
        client.ask(&get("/"), None).await,
        "502 ",
        "a clean end, http.md section 3"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn connect_is_a_tunnel() {
    for server in [
        "demuxHTTP().to($ => $.acceptHTTPTunnel(() => null).to($ => $.replaceData(data => data.size ? new Data('<' + data + '>') : data)))",
        "serveHTTP(() => new Message).to($ => $.replaceData(data => data.size ? new Data('<' + data + '>') : data))",
        "demuxHTTP().to($ => $.muxHTTP({ version: 2 }).to($ => $.serveHTTP(() => new Message).to($ => $
            .replaceData(data => data.size ? new Data('<' + data + '>') : data))))",
    ] {
        let served = serve(&format!("pipy().listen('127.0.0.1:PORT').{server}")).await;
        let mut client = Client::connect(served.port).await;
        let head = RequestHead {
            method: Method::Connect,
            target: Bytes::from_static(b"h:1"),
            ..RequestHead::default()
        };
        let stream = client.connection.send_request(&head, false).expect("can be sent");
        client
            .connection
            .send_data(stream, Bytes::from_static(b"raw"), false)
            .expect("can be sent");
        while client.answers.get(&stream).is_none_or(|answer| answer.body != "<raw>") {
            client.step().await;
        }
        client
            .connection
            .send_data(stream, Bytes::new(), true)
            .expect("can be sent");
        assert_eq!(client.answer(stream).await, "200 <raw>", "{server}");
    }
}

/// A client that does not read stops what answers it, at a bound; other streams go on.
#[tokio::test(flavor = "current_thread")]
async fn a_slow_stream_stops_its_source_alone() {
    const TOTAL: usize = 8 << 20;
    // HTTP/1 would queue the second request behind the first one.
    for (version, queue) in [(1, 1), (2, 10)] {
        let served = serve(&format!(
            "((_made = 0) => pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $
                .muxHTTP(() => 'k', {{ version: {version}, maxQueue: {queue}, bufferSize: 1 }}).to($ => $.connect('127.0.0.1:PORT2')))
            .listen('127.0.0.1:PORT2').demuxHTTP({{ bufferSize: 1 }}).to($ => $.replaceMessage(req =>
                req.head.path === '/large' ? new Message('x'.repeat({TOTAL})) : new Message('small')))
            )()"
        ).replace("PORT2", &crate::worker::testing::free_port().to_string()))
        .await;
        let mut client = Client::connect(served.port).await;
        client.is_stuck = true;
        let large = client
            .connection
            .send_request(&get("/large"), true)
            .expect("can be sent");
        // Until the windows of this client are full.
        while client
            .answers
            .get(&large)
            .is_none_or(|answer| answer.body.len() < limits::HTTP2_WINDOW_BYTES as usize)
        {
            client.step().await;
        }
        assert!(!client.answers[&large].done, "{version}");
        // The connection's window is full, a head and an end pass without.
        let mut head = get("/small");
        head.method = Method::Head;
        assert_eq!(client.ask(&head, None).await, "200 ", "{version}");
        // It goes on where it stopped.
        let got = client.answers[&large].body.len();
        client.is_stuck = false;
        client.connection.release(large, got);
        client.answer(large).await;
        assert_eq!(client.answers[&large].body.len(), TOTAL, "{version}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn max_messages_ends_a_connection() {
    let served = serve("pipy().listen('127.0.0.1:PORT').serveHTTP(new Message, { maxMessages: 2 })").await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/"), None).await, "200 ");
    assert_eq!(client.ask(&get("/"), None).await, "200 ");
    client.ends().await;
    assert_eq!(client.goaway, Some(ErrorCode::NO_ERROR));
}

/// DEVIATES: upstream announces no limit of streams; we do, and refuse those beyond.
#[tokio::test(flavor = "current_thread")]
async fn deviates_streams_have_a_limit() {
    let served = serve("pipy().listen('127.0.0.1:PORT').serveHTTP(() => new Promise(() => {}))").await;
    let mut client = Client::connect(served.port).await;
    client.step().await;
    assert_eq!(client.connection.max_streams(), limits::HTTP2_STREAMS);
}

/// pipyjs/http.md section 5, `ping`: asked at the start and at each answer; anything but eight bytes stops it.
#[tokio::test(flavor = "current_thread")]
async fn pings_of_scripts() {
    let served = serve(
        "((_log = []) => pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.muxHTTP(() => 'k', { version: 2, ping: data => (
            _log.push('' + data),
            _log.length === 1 ? new Data('12345678') : _log.length === 2 ? Promise.resolve(new Data('abcdefgh')) : null
        )}).to('server'))
        .pipeline('server').demuxHTTP().to($ => $.replaceMessage(() => new Message(_log.join()))))()",
    )
    .await;
    let mut client = Client::connect(served.port).await;
    client.ask(&get("/"), None).await;
    assert_eq!(client.ask(&get("/"), None).await, "200 undefined,12345678,abcdefgh");
}
