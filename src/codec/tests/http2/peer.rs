//! The `h2` crate as the peer, in both directions, over a pipe in memory: many exchanges at once, of random sizes, with small and large
//! windows, trailers and resets. What comes back must be what was sent, byte by byte.
//!
//! Not for: what peers must not do; `h2` keeps the rules.
use crate::pair::headers;
use ballast_codec::Chunks;
use ballast_codec::http1::{Method, RequestHead, ResponseHead};
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role, Room, SendError, StreamId};
use bytes::Bytes;
use fastrand::Rng;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// One exchange: the answer has the same headers, body and trailers as the request.
#[derive(Debug, Clone)]
struct Plan {
    headers: Vec<(String, String)>,
    body: Vec<Bytes>,
    trailers: Option<String>,
    /// The client gives up after its head.
    gives_up: bool,
}

impl Plan {
    fn new(rng: &mut Rng) -> Self {
        let mut text = |most: usize| {
            let len = rng.usize(0..most);
            (0..len).map(|_| char::from(rng.u8(b'!'..b'~'))).collect::<String>()
        };
        let some = text(40);
        let headers = vec![
            ("x-always".to_owned(), "the same".to_owned()),
            ("x-some".to_owned(), some.chars().take(1).collect()),
            ("x-any".to_owned(), text(40)),
            ("x-large".to_owned(), text(3000)),
        ];
        let trailers = some.len().is_multiple_of(3).then(|| text(40));
        let pieces = if rng.u8(0..4) == 0 { 0 } else { rng.usize(1..6) };
        let body = (0..pieces)
            .map(|_| {
                let most = *rng.choice(&[10, 1000, 60_000]).expect("some");
                let seed = rng.u8(..);
                (0..rng.usize(1..most))
                    .map(|at| (at as u8).wrapping_mul(31) ^ seed)
                    .collect()
            })
            .collect();
        Self {
            headers,
            body,
            trailers,
            gives_up: rng.u8(0..12) == 0,
        }
    }

    fn whole(&self) -> Vec<u8> {
        self.body.concat()
    }
}

/// Connections of forty exchanges each, for each direction.
const ROUNDS: u64 = 12;

fn config(rng: &mut Rng) -> Config {
    Config {
        stream_window: *rng.choice(&[120, 1000, 65_535, 1 << 20]).expect("some"),
        connection_window: *rng.choice(&[65_535, 1 << 20]).expect("some"),
        max_concurrent_streams: rng.u32(1..30),
        send_buffer_bytes: *rng.choice(&[1, 1000, 100_000]).expect("some"),
        // All that is given up comes at once here.
        reset_budget: 10_000,
        ..Config::default()
    }
}

/// Moves bytes between a connection and its pipe, until the peer closes or `turn` says that all is done. It reads while it cannot
/// write: `h2` does not, and two such would wait for each other.
async fn drive(
    mut connection: Connection,
    mut pipe: DuplexStream,
    mut turn: impl FnMut(&mut Connection, Option<Event>) -> bool,
) {
    let (mut input, mut out) = (Chunks::new(), Chunks::new());
    loop {
        let is_done = turn(&mut connection, None);
        if out.is_empty() {
            connection.take_output(50_000, &mut out);
        }
        let mut events = 0;
        while let Some(event) = connection.decode(&mut input).expect("h2 keeps the rules") {
            events += 1;
            turn(&mut connection, Some(event));
        }
        if events > 0 || (out.is_empty() && connection.has_output()) {
            continue;
        }
        if (is_done && out.is_empty())
            || poll_fn(|cx| exchange(&mut pipe, &mut input, &mut out, cx))
                .await
                .is_none()
        {
            return;
        }
    }
}

/// Writes and reads what can be; None: the peer has closed.
fn exchange(pipe: &mut DuplexStream, input: &mut Chunks, out: &mut Chunks, cx: &mut Context<'_>) -> Poll<Option<()>> {
    let mut has_moved = false;
    while !out.is_empty() {
        match Pin::new(&mut *pipe).poll_write(cx, out.front()) {
            Poll::Ready(Ok(count)) => out.advance(count),
            Poll::Ready(Err(_)) => return Poll::Ready(None),
            Poll::Pending => break,
        }
        has_moved = true;
    }
    let mut block = [0; 20_000];
    let mut block = ReadBuf::new(&mut block);
    match Pin::new(&mut *pipe).poll_read(cx, &mut block) {
        Poll::Ready(Ok(())) if !block.filled().is_empty() => input.push(Bytes::copy_from_slice(block.filled())),
        Poll::Ready(_) => return Poll::Ready(None),
        Poll::Pending if !has_moved => return Poll::Pending,
        Poll::Pending => {}
    }
    Poll::Ready(Some(()))
}

/// Runs one connection; it has a minute, which nothing here needs.
fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let in_time = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await });
    in_time.expect("the two do not wait for each other");
}

// Our server, their client.

/// Sends back what comes. Bytes are released once their echo has been taken.
#[derive(Default)]
struct Echo {
    held: HashMap<StreamId, usize>,
}

impl Echo {
    fn turn(&mut self, connection: &mut Connection, event: Option<Event>) -> bool {
        let sent = match event {
            Some(Event::Request { stream, head, end }) => {
                let answer = ResponseHead {
                    headers: head.headers,
                    ..ResponseHead::default()
                };
                connection.send_response(stream, &answer, end)
            }
            Some(Event::Data { stream, bytes, end }) => {
                let count = bytes.len();
                connection.send_data(stream, bytes, end).map(|room| match room {
                    Room::Left => connection.release(stream, count),
                    Room::Full => *self.held.entry(stream).or_default() += count,
                })
            }
            Some(Event::Trailers { stream, headers }) => connection.send_trailers(stream, headers),
            Some(Event::Room { stream }) => {
                connection.release(stream, self.held.remove(&stream).unwrap_or(0));
                Ok(())
            }
            Some(Event::Reset { stream, .. }) => {
                self.held.remove(&stream);
                Ok(())
            }
            _ => Ok(()),
        };
        assert!(matches!(sent, Ok(()) | Err(SendError::Closed)), "{sent:?}");
        false
    }
}

#[test]
fn our_server_and_their_client() {
    for seed in 0..ROUNDS {
        let mut rng = Rng::with_seed(seed);
        let (ours, theirs) = duplex(rng.usize(1000..100_000));
        let server = Connection::new(Role::Server, config(&mut rng));
        let plans: Vec<Plan> = (0..40).map(|_| Plan::new(&mut rng)).collect();
        let window = *rng.choice(&[100, 65_535, 1 << 20]).expect("some");
        run(async move {
            let mut echo = Echo::default();
            let serving = tokio::spawn(drive(server, ours, move |connection, event| {
                echo.turn(connection, event)
            }));
            let (client, connection) = h2::client::Builder::new()
                .initial_window_size(window)
                .handshake::<_, Bytes>(theirs)
                .await
                .expect("settings");
            let connection = tokio::spawn(connection);
            let asking: Vec<_> = plans
                .into_iter()
                .map(|plan| tokio::spawn(ask(client.clone(), plan)))
                .collect();
            drop(client);
            for (nth, asking) in asking.into_iter().enumerate() {
                if let Err(error) = asking.await {
                    panic!("seed {seed}, exchange {nth}: {error}");
                }
            }
            connection.await.expect("no panic").expect("an orderly end");
            serving.await.expect("no panic");
        });
    }
}

async fn ask(client: h2::client::SendRequest<Bytes>, plan: Plan) {
    let mut client = client.ready().await.expect("a stream");
    let mut request = http::Request::post("http://example.org/path?query");
    for (name, value) in &plan.headers {
        request = request.header(name, value);
    }
    let ends = plan.body.is_empty() && plan.trailers.is_none() && !plan.gives_up;
    let (response, mut sending) = client
        .send_request(request.body(()).expect("a request"), ends)
        .expect("sent");
    drop(client);
    if plan.gives_up {
        sending.send_reset(h2::Reason::CANCEL);
        return;
    }
    if !ends {
        for (nth, piece) in plan.body.iter().enumerate() {
            let end = nth + 1 == plan.body.len() && plan.trailers.is_none();
            sending.send_data(piece.clone(), end).expect("sent");
        }
        if let Some(value) = &plan.trailers {
            sending.send_trailers(map(&[("x-sum", value)])).expect("sent");
        }
    }
    let (head, mut body) = response.await.expect("a response").into_parts();
    assert_eq!(head.status, 200);
    for (name, value) in &plan.headers {
        assert_eq!(head.headers[name], *value);
    }
    let mut got = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes.expect("data");
        body.flow_control().release_capacity(bytes.len()).expect("released");
        got.extend_from_slice(&bytes);
    }
    assert!(
        got == plan.whole(),
        "{} bytes came, {} were sent",
        got.len(),
        plan.whole().len()
    );
    let trailers = body.trailers().await.expect("an end");
    assert_eq!(trailers, plan.trailers.map(|value| map(&[("x-sum", &value)])));
}

fn map(lines: &[(&'static str, &str)]) -> http::HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().expect("a value")))
        .collect()
}

// Our client, their server.

/// An exchange under way.
struct Under {
    plan: Plan,
    next: usize,
    is_full: bool,
    got: Vec<u8>,
    ended: bool,
}

/// Opens streams as the server allows, sends all pieces, and compares what comes.
struct Asker {
    /// `h2` takes trailers on a stream that it has refused for a reason to end the connection: so nothing is opened above its limit.
    knows_limit: bool,
    waiting: Vec<Plan>,
    open: HashMap<StreamId, Under>,
}

impl Asker {
    fn turn(&mut self, connection: &mut Connection, event: Option<Event>) -> bool {
        match event {
            Some(Event::Response { stream, head, end }) => {
                let under = self.open.get_mut(&stream).expect("of ours");
                assert_eq!(head.status, 200);
                for (name, value) in &under.plan.headers {
                    assert_eq!(head.headers.get(name), Some(value.as_bytes()));
                }
                under.ended = end;
            }
            Some(Event::Data { stream, bytes, end }) => {
                connection.release(stream, bytes.len());
                let under = self.open.get_mut(&stream).expect("of ours");
                under.got.extend_from_slice(&bytes);
                under.ended = end;
            }
            Some(Event::Trailers { stream, headers: got }) => {
                let under = self.open.get_mut(&stream).expect("of ours");
                let sent = under.plan.trailers.clone().expect("trailers were sent");
                assert_eq!(got, headers(&[("x-sum", &sent)]));
                under.plan.trailers = None;
                under.ended = true;
            }
            Some(Event::Room { stream }) => {
                if let Some(under) = self.open.get_mut(&stream) {
                    under.is_full = false;
                }
            }
            Some(Event::Reset { stream, code, .. }) => panic!("stream {stream} was reset: {code}"),
            Some(Event::Settings) => self.knows_limit = true,
            Some(_) | None => {}
        }
        self.open.retain(|_, under| {
            if under.ended {
                assert!(under.got == under.plan.whole(), "{} bytes came", under.got.len());
                assert_eq!(under.plan.trailers, None, "trailers came");
            }
            !under.ended
        });
        if self.knows_limit {
            self.start(connection);
        }
        for (stream, under) in &mut self.open {
            under.send(connection, *stream);
        }
        let is_done = self.waiting.is_empty() && self.open.is_empty();
        if is_done {
            connection.shutdown();
        }
        is_done
    }

    fn start(&mut self, connection: &mut Connection) {
        while let Some(plan) = self.waiting.last() {
            let lines: Vec<(&str, &str)> = plan.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let head = RequestHead {
                method: Method::Post,
                target: Bytes::from_static(b"/path?query"),
                authority: Bytes::from_static(b"example.org"),
                headers: headers(&lines),
                ..RequestHead::default()
            };
            let ends = plan.body.is_empty() && plan.trailers.is_none() && !plan.gives_up;
            let stream = match connection.send_request(&head, ends) {
                Ok(stream) => stream,
                Err(SendError::TooManyStreams) => return,
                Err(error) => panic!("{error}"),
            };
            let Some(plan) = self.waiting.pop() else { return };
            if plan.gives_up {
                connection.reset(stream, ErrorCode::CANCEL);
                continue;
            }
            let next = if ends { usize::MAX } else { 0 };
            let under = Under {
                plan,
                next,
                is_full: false,
                got: Vec::new(),
                ended: false,
            };
            self.open.insert(stream, under);
        }
    }
}

impl Under {
    fn send(&mut self, connection: &mut Connection, stream: StreamId) {
        while !self.is_full && self.next <= self.plan.body.len() {
            let piece = self.plan.body.get(self.next).cloned();
            let is_last = self.next + 1 >= self.plan.body.len();
            self.next += 1;
            match (piece, &self.plan.trailers) {
                (Some(bytes), trailers) => {
                    let end = is_last && trailers.is_none();
                    let room = connection.send_data(stream, bytes, end).expect("sent");
                    self.is_full = room == Room::Full;
                }
                (None, Some(value)) => connection
                    .send_trailers(stream, headers(&[("x-sum", value)]))
                    .expect("sent"),
                (None, None) => {}
            }
        }
    }
}

#[test]
fn our_client_and_their_server() {
    for seed in 0..ROUNDS {
        let mut rng = Rng::with_seed(1000 + seed);
        let (ours, theirs) = duplex(rng.usize(1000..100_000));
        let client = Connection::new(Role::Client, config(&mut rng));
        let mut asker = Asker {
            knows_limit: false,
            waiting: (0..40).map(|_| Plan::new(&mut rng)).collect(),
            open: HashMap::new(),
        };
        let window = *rng.choice(&[100, 65_535, 1 << 20]).expect("some");
        let most = rng.u32(1..30);
        run(async move {
            let asking = tokio::spawn(drive(client, ours, move |connection, event| {
                asker.turn(connection, event)
            }));
            let mut server = h2::server::Builder::new()
                .initial_window_size(window)
                .max_concurrent_streams(most)
                .max_concurrent_reset_streams(1000)
                .handshake::<_, Bytes>(theirs)
                .await
                .expect("a preface");
            while let Some(accepted) = server.accept().await {
                let (request, respond) = accepted.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
                tokio::spawn(answer(request, respond));
            }
            if let Err(error) = asking.await {
                panic!("seed {seed}: {error}");
            }
        });
    }
}

/// Echoes; None: the client gave up.
async fn answer(request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) -> Option<()> {
    let (head, mut body) = request.into_parts();
    assert_eq!(head.uri, "http://example.org/path?query");
    let mut response = http::Response::new(());
    *response.headers_mut() = head.headers;
    let ends = body.is_end_stream();
    let mut sending = respond.send_response(response, ends).ok()?;
    if ends {
        return Some(());
    }
    while let Some(bytes) = body.data().await {
        let bytes = bytes.ok()?;
        body.flow_control().release_capacity(bytes.len()).ok()?;
        sending.send_data(bytes, false).ok()?;
    }
    match body.trailers().await.ok()? {
        Some(trailers) => sending.send_trailers(trailers).ok(),
        None => sending.send_data(Bytes::new(), true).ok(),
    }
}
