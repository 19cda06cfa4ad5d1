//! A small HTTP server whose every answer a test decides: an app, or what stands before a registry. Not for: conformance; it
//! reads what the scripts send, keeps connections alive, and can hang, trickle and hang up.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Netns, poll};

/// A request as it came.
#[derive(Clone)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// GET and the like.
    pub method: String,
    /// With the query.
    pub path: String,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

/// What is done about it.
pub enum Reply {
    /// Status and body.
    Answer(u16, Vec<u8>),
    /// Nothing, for as long as the client waits.
    Hang,
    /// A head that never ends.
    Trickle,
    /// The connection is closed.
    HangUp,
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// A running server; it is gone, with all its connections, on drop.
pub struct Server {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_closed: AtomicBool,
    is_listening: AtomicBool,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    requests: Mutex<Vec<Received>>,
}

impl Server {
    /// Listens on `address` (`ip:port`) of `netns`; `answer` is called on a thread of each connection.
    ///
    /// # Panics
    /// The address cannot be had.
    #[track_caller]
    pub fn start(netns: &Netns, address: &str, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let state = Arc::new(State::default());
        let answer: Handler = Arc::new(answer);
        // Threads that a thread of the namespace starts are in it too.
        netns.run(|| {
            let listener = TcpListener::bind(address).unwrap_or_else(|e| panic!("listen on {address}: {e}"));
            listener
                .set_nonblocking(true)
                .expect("a socket can be asked not to wait");
            state.is_listening.store(true, SeqCst);
            let state = Arc::clone(&state);
            std::thread::spawn(move || accept(&listener, &state, &answer));
        });
        Self { state }
    }

    /// Connections that were accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        lock(&self.state.open).len()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.state.requests).clone()
    }

    /// Requests of that method so far.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.state.requests).iter().filter(|r| r.method == method).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_closed.store(true, SeqCst);
        // Nobody connects any more once this returns.
        poll(Duration::from_secs(5), || {
            (!self.state.is_listening.load(SeqCst)).then_some(())
        });
        for stream in lock(&self.state.open).drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Received {
    /// Value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>, answer: &Handler) {
    let connection = || match listener.accept() {
        Ok((stream, _)) => Some(Some(stream)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => state.is_closed.load(SeqCst).then_some(None),
        Err(_) => Some(None),
    };
    while let Some(Some(stream)) = poll(Duration::from_secs(600), connection) {
        state.connections.fetch_add(1, SeqCst);
        stream.set_nonblocking(false).ok();
        let (state, answer) = (Arc::clone(state), Arc::clone(answer));
        std::thread::spawn(move || {
            let local = stream.peer_addr().ok();
            if let Ok(copy) = stream.try_clone() {
                lock(&state.open).push(copy);
            }
            // The client may leave whenever it likes.
            serve(&stream, &state, &answer).ok();
            stream.shutdown(Shutdown::Both).ok();
            lock(&state.open).retain(|other| other.peer_addr().ok().is_some_and(|addr| Some(addr) != local));
        });
    }
    state.is_listening.store(false, SeqCst);
}

fn serve(mut stream: &TcpStream, state: &State, answer: &Handler) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        lock(&state.requests).push(request.clone());
        match answer(&request) {
            Reply::Answer(status, body) => {
                let length = body.len();
                let type_ = "content-type: application/json";
                let mut bytes =
                    format!("HTTP/1.1 {status} S\r\n{type_}\r\ncontent-length: {length}\r\n\r\n").into_bytes();
                if status == 204 {
                    bytes = b"HTTP/1.1 204 S\r\n\r\n".to_vec();
                }
                bytes.extend(body);
                stream.write_all(&bytes)?;
                if request.header("connection").is_some_and(|value| value == "close") {
                    return Ok(());
                }
            }
            Reply::Hang => return io::copy(&mut reader, &mut io::sink()).map(drop),
            Reply::Trickle => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
                stream.set_read_timeout(Some(Duration::from_millis(50)))?;
                // The time-out of the read paces the bytes; its end is the client's.
                while !matches!(stream.read(&mut [0; 16]), Ok(0)) {
                    stream.write_all(b"x")?;
                }
                return Ok(());
            }
            Reply::HangUp => return Ok(()),
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let at = Instant::now();
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Received {
        at,
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    request.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
