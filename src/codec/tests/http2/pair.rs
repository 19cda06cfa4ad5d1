//! A client and a server that talk to each other in memory.
use ballast_codec::Chunks;
use ballast_codec::http1::{Headers, Method, RequestHead};
use ballast_codec::http2::{Config, Connection, Event, Role};
use bytes::Bytes;

/// The two ends.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
}

impl Pair {
    /// Two ends that have exchanged their settings.
    pub(crate) fn new(client: Config, server: Config) -> Self {
        let mut pair = Self {
            client: Connection::new(Role::Client, client),
            server: Connection::new(Role::Server, server),
        };
        assert_eq!(pair.serve(), [Event::Settings]);
        assert_eq!(pair.answer(), [Event::Settings]);
        assert_eq!(pair.serve(), []);
        pair
    }

    /// What the server makes of what the client has written.
    #[track_caller]
    pub(crate) fn serve(&mut self) -> Vec<Event> {
        pass(&mut self.client, &mut self.server)
    }

    /// What the client makes of what the server has written.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Vec<Event> {
        pass(&mut self.server, &mut self.client)
    }
}

#[track_caller]
fn pass(from: &mut Connection, to: &mut Connection) -> Vec<Event> {
    let mut wire = output(from).into();
    let mut events = Vec::new();
    while let Some(event) = to.decode(&mut wire).expect("the peer keeps the rules") {
        events.push(event);
    }
    assert!(wire.is_empty(), "{} bytes are left", wire.len());
    events
}

/// All that a connection has to send.
pub(crate) fn output(connection: &mut Connection) -> Bytes {
    let mut chunks = Chunks::new();
    connection.take_output(usize::MAX, &mut chunks);
    chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect()
}

/// A header list.
pub(crate) fn headers(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name.as_bytes(), value.as_bytes()).expect("good header");
    }
    headers
}

/// A request as a script would make it.
pub(crate) fn request(method: &str, target: &str, lines: &[(&str, &str)]) -> RequestHead {
    RequestHead {
        method: Method::new(method.as_bytes()),
        target: Bytes::copy_from_slice(target.as_bytes()),
        headers: headers(lines),
        ..RequestHead::default()
    }
}
