//! Clients of every kind, each a thread that asks at a modest pace until it is stopped, or until a request is lost. HTTP/2, TLS, tunnels
//! and WebSocket by real ones: h2load, curl, Gorilla's.

use crate::script::{Port, Script};
use ballast_tests::{peer, process};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pace: between two rounds of a load.
const PAUSE: Duration = Duration::from_millis(50);

/// One round: how many requests were answered, or what was lost.
type Round = Box<dyn FnMut() -> Result<u64, String> + Send>;

struct State {
    stop: AtomicBool,
    lost: Mutex<Option<String>>,
}

/// See the module.
pub(crate) struct Loads {
    state: Arc<State>,
    all: Vec<(&'static str, Arc<AtomicU64>, JoinHandle<()>)>,
}

impl Loads {
    pub(crate) fn start(script: &Script) -> Loads {
        let port = |which| script.port(which);
        let rounds: Vec<(&'static str, Round)> = vec![
            ("HTTP/1", kept(port(Port::Server))),
            ("HTTP/1 proxy", kept(port(Port::Http1))),
            ("relay", kept(port(Port::Relay))),
            ("HTTP/2", h2load("a", "http", port(Port::Server), port(Port::Server))),
            (
                "HTTP/2 proxy",
                h2load("b", "http", port(Port::Http2), port(Port::Server)),
            ),
            (
                "HTTP/2 over TLS",
                h2load("c", "https", port(Port::Tls), port(Port::Server)),
            ),
            (
                "HTTP/1 over TLS",
                curl(&["--insecure", "--http1.1"], "https", port(Port::Tls)),
            ),
            (
                "tunnel",
                curl(
                    &[
                        "--proxytunnel",
                        "--proxy",
                        &format!("http://127.0.0.1:{}", port(Port::Tunnel)),
                    ],
                    "http",
                    port(Port::Server),
                ),
            ),
            ("WebSocket", web_socket(port(Port::WebSocket))),
        ];
        let state = Arc::new(State {
            stop: AtomicBool::new(false),
            lost: Mutex::new(None),
        });
        let all = rounds
            .into_iter()
            .map(|(name, round)| {
                let (state, count) = (state.clone(), Arc::<AtomicU64>::default());
                let counted = count.clone();
                (
                    name,
                    count,
                    std::thread::spawn(move || go_on(name, round, &state, &counted)),
                )
            })
            .collect();
        Loads { state, all }
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|(name, ..)| *name).collect()
    }

    /// Requests that were answered, for each name.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.all
            .iter()
            .map(|(_, count, _)| count.load(Ordering::Relaxed))
            .collect()
    }

    /// What became of the first request that was lost.
    pub(crate) fn lost(&self) -> Option<String> {
        self.state.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all; what was lost by then.
    pub(crate) fn finish(self) -> Option<String> {
        self.state.stop.store(true, Ordering::Relaxed);
        for (name, _, thread) in self.all {
            if thread.join().is_err() {
                return Some(format!("{name}: its thread panicked"));
            }
        }
        self.state.lost.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn go_on(name: &str, mut round: Round, state: &State, count: &AtomicU64) {
    while !state.stop.load(Ordering::Relaxed) {
        match round() {
            Ok(answered) => drop(count.fetch_add(answered, Ordering::Relaxed)),
            Err(problem) => {
                let mut lost = state.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.get_or_insert_with(|| format!("lost, {name}: {problem}"));
                return;
            }
        }
        // The pace is what is wanted: there is no condition to wait for.
        std::thread::sleep(PAUSE);
    }
}

/// HTTP/1 on eight connections that are kept as long as the server likes.
fn kept(port: u16) -> Round {
    const CONNECTIONS: usize = 8;
    let mut connections: Vec<Option<TcpStream>> = (0..CONNECTIONS).map(|_| None).collect();
    let mut asked = 0_u64;
    Box::new(move || {
        for connection in &mut connections {
            asked += 1;
            let stream = match connection.take() {
                Some(stream) => stream,
                None => TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?,
            };
            let (stream, body) = ask(stream, &format!("/{}", asked % 100))?;
            if !body.ends_with('x') {
                return Err(format!("another answer: {body:?}"));
            }
            *connection = stream;
        }
        Ok(CONNECTIONS as u64)
    })
}

/// Asks for a path: the connection, if it stays, and the body.
fn ask(mut stream: TcpStream, path: &str) -> Result<(Option<TcpStream>, String), String> {
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .map_err(|error| format!("request: {error}"))?;
    let (mut got, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            if !head.starts_with("http/1.1 200") {
                return Err(format!("answer {head:?}"));
            }
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let length: usize = length
                .and_then(|length| length.parse().ok())
                .ok_or(format!("no length: {head:?}"))?;
            if body.len() >= length {
                let is_right = body.starts_with(&format!("GET {path} "));
                return match is_right {
                    true => Ok(((!head.contains("connection: close")).then_some(stream), body.to_owned())),
                    false => Err(format!("another answer: {body:?}")),
                };
            }
        }
        match stream.read(&mut block) {
            Ok(0) => return Err(format!("closed after {text:?}")),
            Ok(count) => got.extend_from_slice(&block[..count]),
            Err(error) => return Err(format!("read: {error} after {text:?}")),
        }
    }
}

/// h2load, which does not connect again after a GOAWAY: what it could not send it counts as failed. So the server behind counts what it
/// took: all of that must have been answered.
fn h2load(name: &'static str, scheme: &'static str, port: u16, server: u16) -> Round {
    const REQUESTS: u64 = 200;
    let mut runs = 0;
    Box::new(move || {
        runs += 1;
        let path = format!("/h2load-{name}-{runs}");
        let mut command = Command::new("h2load");
        command.args(["-c", "2", "-m", "8", "-n", &REQUESTS.to_string()]);
        command.arg(format!("{scheme}://127.0.0.1:{port}{path}"));
        let (_, said) = process::run("h2load", &mut command, PATIENCE).map_err(|error| error.to_string())?;
        let stream = TcpStream::connect(("127.0.0.1", server)).map_err(|error| format!("connect: {error}"))?;
        let (_, body) = ask(stream, &format!("/taken{path}"))?;
        let taken = body.rsplit(' ').next().and_then(|taken| taken.parse::<u64>().ok());
        let succeeded = said
            .split(" succeeded,")
            .next()
            .and_then(|text| text.rsplit(' ').next()?.parse().ok());
        match taken {
            Some(taken @ 1..) if succeeded == Some(taken) && said.contains("0 4xx, 0 5xx") => Ok(taken),
            _ => Err(format!("{taken:?} were taken: {said}")),
        }
    })
}

/// curl, which asks many times on one connection.
fn curl(options: &[&str], scheme: &'static str, port: u16) -> Round {
    const REQUESTS: usize = 20;
    let options: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
    Box::new(move || {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "50",
            "--write-out",
            "|%{http_code}",
        ]);
        command
            .args(&options)
            .arg(format!("{scheme}://127.0.0.1:{port}/[1-{REQUESTS}]"));
        let (status, said) = process::run("curl", &mut command, PATIENCE).map_err(|error| error.to_string())?;
        match status.success() && said.matches("x|200").count() == REQUESTS {
            true => Ok(REQUESTS as u64),
            false => Err(said),
        }
    })
}

fn web_socket(port: u16) -> Round {
    Box::new(move || {
        let mut command = Command::new(peer("peers"));
        command.args(["client", &format!("ws://127.0.0.1:{port}/echo")]);
        let (status, said) = process::run("WebSocket", &mut command, PATIENCE).map_err(|error| error.to_string())?;
        match status.success() && said.trim() == "ok" {
            true => Ok(1),
            false => Err(said),
        }
    })
}
