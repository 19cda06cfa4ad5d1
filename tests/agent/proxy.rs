//! A TCP proxy between an agent and its Repo: so that the Repo can go, come back as another one, or fall silent, at one
//! address. Not for: HTTP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What the proxy does with connections.
#[derive(Clone, PartialEq, Eq)]
enum Mode {
    /// Forwards to this address.
    To(String),
    /// Closes them.
    Down,
    /// Takes all and answers nothing.
    Hanging,
}

struct State {
    mode: Mode,
    open: Vec<TcpStream>,
    /// Connections taken in this mode.
    taken: usize,
}

/// See the module. Its thread ends with the test's process.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Begins down.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(Mutex::new(State {
            mode: Mode::Down,
            open: Vec::new(),
            taken: 0,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                state.taken += 1;
                match state.mode.clone() {
                    Mode::Down => {}
                    Mode::Hanging => state.open.push(stream),
                    Mode::To(address) => {
                        let Ok(upstream) = TcpStream::connect(address) else {
                            continue;
                        };
                        for (from, to) in [(&stream, &upstream), (&upstream, &stream)] {
                            let (from, to) = (from.try_clone().expect("dup"), to.try_clone().expect("dup"));
                            thread::spawn(move || copy(from, to));
                        }
                        state.open.push(stream);
                        state.open.push(upstream);
                    }
                }
            }
        });
        Proxy { url, state }
    }

    /// Forwards to the Repo at `url` from now on.
    pub(crate) fn to(&self, url: &str) {
        self.set(Mode::To(url.trim_start_matches("http://").to_owned()));
    }

    /// The Repo is down.
    pub(crate) fn down(&self) {
        self.set(Mode::Down);
    }

    /// The Repo takes connections and says nothing.
    pub(crate) fn hang(&self) {
        self.set(Mode::Hanging);
    }

    /// Connections taken since the last switch.
    pub(crate) fn taken(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken
    }

    fn set(&self, mode: Mode) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.mode = mode;
        state.taken = 0;
        for stream in state.open.drain(..) {
            let _closed_already = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if to.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    let _closed_already = to.shutdown(Shutdown::Both);
    let _closed_already = from.shutdown(Shutdown::Both);
}
