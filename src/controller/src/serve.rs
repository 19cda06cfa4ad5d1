//! HTTP/1 for whoever can reach us, on a bounded number of connections. A new one always gets a place: where all are taken, one
//! goes that has no request being answered (a head that comes slowly is none). There are two crowds of those: fresh ones, which
//! have asked for nothing yet (handshakes among them), and idle ones, which have been answered. The larger crowd loses its
//! oldest. So nobody keeps the kubelet or the API server out by holding connections of either kind, a burst does not end its own
//! handshakes for idle ones, and one that is in use is not ended for strangers. Not for: what is answered.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::limits::{ACCEPT_PAUSE, CONNECTION_BYTES};

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) places: usize,
    /// Time for a handshake or a whole head to arrive; also how long a connection may be idle.
    pub(crate) idle: Duration,
    /// Longest life of a connection; `None`: as long as it is used.
    pub(crate) life: Option<Duration>,
}

/// Who has a place.
#[derive(Debug, Default)]
struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// Counts changes: the smaller, the longer ago.
    clock: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    state: State,
    since: u64,
    task: AbortHandle,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was asked yet.
    Fresh,
    /// All is answered.
    Idle,
    /// A request of it is being answered.
    Busy,
}

/// A taken place; it is free again when this is dropped.
#[derive(Clone)]
struct Place(Arc<Guard>);

struct Guard {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        // No panic leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Ends the connection that is missed least.
    fn make_room(&mut self) {
        let count = |state| self.connections.values().filter(|known| known.state == state).count();
        let crowd = match count(State::Fresh) > count(State::Idle) {
            true => State::Fresh,
            false => State::Idle,
        };
        let rank = |state| (state == State::Busy, state != crowd);
        let entries = self.connections.iter();
        let least = entries.min_by_key(|(_, connection)| (rank(connection.state), connection.since));
        let Some(id) = least.map(|(id, _)| *id) else { return };
        if let Some(connection) = self.connections.remove(&id) {
            connection.task.abort();
        }
    }
}

impl Place {
    fn set(&self, state: State) {
        let mut taken = self.0.places.lock();
        let since = taken.tick();
        if let Some(connection) = taken.connections.get_mut(&self.0.id) {
            connection.state = state;
            connection.since = since;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.id);
    }
}

/// Accepts for ever. `secure` makes of a connection what is read and written (a TLS handshake, or nothing; `None`: it is
/// ended), `answer` of a request its response. `evicted` counts connections that were ended for another one.
pub(crate) async fn serve<S, SF, IO, A, AF>(
    listener: TcpListener,
    bounds: Bounds,
    evicted: &AtomicU64,
    secure: S,
    answer: A,
) -> Infallible
where
    S: Fn(tokio::net::TcpStream) -> SF,
    SF: Future<Output = Option<IO>> + Send + 'static,
    IO: Read + Write + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> AF + Clone + Send + Sync + 'static,
    AF: Future<Output = Response<String>> + Send + 'static,
{
    let places = Arc::new(Places::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let secured = secure(stream);
        let answer = answer.clone();
        let mut taken = places.lock();
        while taken.connections.len() >= bounds.places.max(1) {
            taken.make_room();
            evicted.fetch_add(1, Ordering::Relaxed);
        }
        let id = taken.tick();
        let place = Place(Arc::new(Guard {
            places: Arc::clone(&places),
            id,
        }));
        let task = tokio::spawn(async move {
            let life = connection(secured, bounds, answer, place);
            match bounds.life {
                Some(limit) => drop(tokio::time::timeout(limit, life).await),
                None => life.await,
            }
        });
        let connection = Connection {
            state: State::Fresh,
            since: id,
            task: task.abort_handle(),
        };
        taken.connections.insert(id, connection);
    }
}

async fn connection<IO, AF>(
    secured: impl Future<Output = Option<IO>>,
    bounds: Bounds,
    answer: impl Fn(Request<Incoming>) -> AF,
    place: Place,
) where
    IO: Read + Write + Unpin,
    AF: Future<Output = Response<String>>,
{
    let Ok(Some(io)) = tokio::time::timeout(bounds.idle, secured).await else {
        return;
    };
    let service = service_fn(|request| {
        place.set(State::Busy);
        let (response, place) = (answer(request), place.clone());
        async move {
            let response = response.await;
            place.set(State::Idle);
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.idle)
        .keep_alive(bounds.life.is_none())
        .max_buf_size(CONNECTION_BYTES)
        .serve_connection(io, service);
    // How it ended is the peer's business.
    drop(served.await);
}

/// A connection as it is.
pub(crate) async fn plain(stream: tokio::net::TcpStream) -> Option<TokioIo<tokio::net::TcpStream>> {
    Some(TokioIo::new(stream))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const GET: &str = "!GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// `serve` on a thread of its own with four places; requests for /slow are never answered. A handshake is here a first
    /// letter, "!".
    fn server() -> (SocketAddr, Arc<AtomicU64>) {
        let (send, receive) = std::sync::mpsc::channel();
        let evicted = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&evicted);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                let bounds = Bounds {
                    places: 4,
                    idle: LONG,
                    life: None,
                };
                let secure = |mut stream: tokio::net::TcpStream| async move {
                    let letter = tokio::io::AsyncReadExt::read_u8(&mut stream).await.ok()?;
                    (letter == b'!').then_some(TokioIo::new(stream))
                };
                serve(listener, bounds, &counter, secure, |request| async move {
                    if request.uri().path() == "/slow" {
                        std::future::pending::<()>().await;
                    }
                    Response::new("ok".to_owned())
                })
                .await
            });
        });
        (receive.recv().unwrap(), evicted)
    }

    fn connect(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    #[track_caller]
    fn is_answered(stream: &mut TcpStream) {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }

    #[test]
    fn who_holds_connections_keeps_nobody_out() {
        let (address, evicted) = server();
        let mut busy = connect(address, "!GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        // Idle ones, and heads that never end: each is in the place of an older one.
        let held: Vec<TcpStream> = (0..20)
            .map(|number| {
                let stream = connect(address, if number % 2 == 0 { "!" } else { "!GET / HTT" });
                is_answered(&mut connect(address, GET));
                stream
            })
            .collect();
        is_answered(&mut connect(address, GET));
        let gone = held
            .into_iter()
            .take(10)
            .filter_map(|mut stream| stream.read(&mut [0]).ok());
        assert!(gone.eq([0; 10]), "the oldest have been ended");
        busy.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let seen = busy.read(&mut [0]).unwrap_err().kind();
        assert_eq!(seen, std::io::ErrorKind::WouldBlock, "what is being answered stays");
        assert!(evicted.load(Ordering::Relaxed) >= 10);
    }

    #[test]
    fn a_handshake_outlives_who_is_idle() {
        let (address, evicted) = server();
        let mut handshake = connect(address, "");
        for _ in 0..20 {
            is_answered(&mut connect(address, GET));
        }
        // Ended by their peers, most of them; these are not.
        let idle: Vec<TcpStream> = (0..20)
            .map(|_| {
                let mut stream = connect(address, GET);
                is_answered(&mut stream);
                stream
            })
            .collect();
        assert!(evicted.load(Ordering::Relaxed) >= 17);
        handshake.write_all(GET.as_bytes()).unwrap();
        is_answered(&mut handshake);
        // More handshakes than idle ones: then the oldest of them goes, and the newest is served.
        drop(idle);
        let mut handshakes: Vec<TcpStream> = (0..20).map(|_| connect(address, "")).collect();
        let mut newest = handshakes.pop().unwrap();
        newest.write_all(GET.as_bytes()).unwrap();
        is_answered(&mut newest);
        assert_eq!(handshakes.first_mut().unwrap().read(&mut [0]).ok(), Some(0));
        // One that is used stays, however many strangers come.
        let mut rest = [0; 200];
        while !rest.windows(2).any(|two| two == b"ok") {
            assert!(handshake.read(&mut rest).unwrap() > 0);
        }
        handshake.write_all(&GET.as_bytes()[1..]).unwrap();
        is_answered(&mut handshake);
    }

    #[test]
    fn a_connection_is_used_again() {
        let (address, _) = server();
        let mut stream = connect(address, "!");
        for _ in 0..3 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            is_answered(&mut stream);
            let mut rest = [0; 200];
            while !rest.windows(2).any(|two| two == b"ok") {
                assert!(stream.read(&mut rest).unwrap() > 0);
            }
        }
    }
}
