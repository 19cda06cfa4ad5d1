//! The server behind the fronts: reads what they pass on by the letter of RFC 9112, and remembers it. It answers only what
//! can be read in one way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A request that came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Its target.
    pub(crate) target: String,
    /// Why it can't be read in one way.
    pub(crate) problem: Option<String>,
}

/// See the module.
pub(crate) struct Behind {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nX-Behind: yes\r\nContent-Length: 6\r\n\r\nbehind";

impl Behind {
    pub(crate) fn start() -> Behind {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = seen.clone();
        // Ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || serve(stream, &log));
            }
        });
        Behind { port, seen }
    }

    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok();
    let mut bytes = Vec::new();
    loop {
        let (seen, is_whole) = request(&mut stream, &mut bytes);
        let Some(seen) = seen else { return };
        let is_good = seen.problem.is_none();
        log.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        if !is_good || !is_whole || stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// Reads one request from `bytes` and what follows: what it was, and whether it came whole.
fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> (Option<Seen>, bool) {
    let end = loop {
        if let Some(at) = find(bytes, b"\r\n\r\n") {
            break at;
        }
        if !more(stream, bytes) {
            return (None, false);
        }
    };
    let head: Vec<u8> = bytes.drain(..end + 4).collect();
    let mut seen = Seen::default();
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [_, target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else {
        seen.problem = Some(format!("request line {words:?}"));
        return (Some(seen), true);
    };
    seen.target = target.to_owned();
    let (mut lengths, mut codings) = (Vec::new(), Vec::new());
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            seen.problem = Some(format!("header {line:?}"));
            return (Some(seen), true);
        };
        if line.contains(['\n', '\r', '\0']) || name.is_empty() || name.contains([' ', '\t']) {
            seen.problem = Some(format!("header {line:?}"));
            return (Some(seen), true);
        }
        match name.to_ascii_lowercase().as_str() {
            "content-length" => lengths.push(value.trim().to_owned()),
            "transfer-encoding" => codings.push(value.trim().to_ascii_lowercase()),
            _ => {}
        }
    }
    let is_number = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => (Some(seen), true),
        ([length], []) if is_number(length) => {
            let length: usize = length.parse().unwrap_or(usize::MAX);
            let whole = fill(stream, bytes, length);
            bytes.drain(..length.min(bytes.len()));
            (Some(seen), whole)
        }
        ([], [coding]) if coding == "chunked" => {
            let (problem, whole) = chunks(stream, bytes);
            seen.problem = problem;
            (Some(seen), whole)
        }
        _ => {
            seen.problem = Some(format!("framing by lengths {lengths:?} and codings {codings:?}"));
            (Some(seen), true)
        }
    }
}

fn chunks(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> (Option<String>, bool) {
    loop {
        let Some(line) = line(stream, bytes) else {
            return (None, false);
        };
        let Ok(size) = usize::from_str_radix(&line, 16) else {
            return (Some(format!("chunk size {line:?}")), true);
        };
        if size == 0 {
            loop {
                match self::line(stream, bytes) {
                    None => return (None, false),
                    Some(line) if line.is_empty() => return (None, true),
                    Some(_) => {}
                }
            }
        }
        if !fill(stream, bytes, size + 2) {
            return (None, false);
        }
        if bytes[size..size + 2] != *b"\r\n" {
            return (Some("a chunk without its end".to_owned()), true);
        }
        bytes.drain(..size + 2);
    }
}

fn line(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = find(bytes, b"\r\n") {
            let line: Vec<u8> = bytes.drain(..at + 2).collect();
            return Some(String::from_utf8_lossy(&line[..at]).into_owned());
        }
        if !more(stream, bytes) {
            return None;
        }
    }
}

fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>, length: usize) -> bool {
    while bytes.len() < length {
        if !more(stream, bytes) {
            return false;
        }
    }
    true
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut block = [0; 4096];
    match stream.read(&mut block) {
        Ok(count) if count > 0 => {
            bytes.extend_from_slice(&block[..count]);
            true
        }
        _ => false,
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
