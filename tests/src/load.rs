//! A load that counts: each request is answered whole, or it is lost and told. For figures and tests of what must not lose
//! a request (reloads); not for speed itself, which wrk measures.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Threads that ask; each asks on all of its connections, then reads all answers.
const THREADS: usize = 2;
/// Connections of a thread.
const CONNECTIONS: usize = 16;
/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET /load HTTP/1.1\r\nHost: load\r\n\r\n";

/// A running load.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Result<(), String>>>,
}

impl Load {
    /// Begins to ask the server on `port`.
    pub fn start(port: u16) -> Load {
        let stop = Arc::<AtomicBool>::default();
        let answered = Arc::<AtomicU64>::default();
        let threads = (0..THREADS)
            .map(|_| {
                let (stop, answered) = (stop.clone(), answered.clone());
                std::thread::spawn(move || ask(port, &stop, &answered))
            })
            .collect();
        Load {
            stop,
            answered,
            threads,
        }
    }

    /// Requests that were answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it: requests that were answered.
    ///
    /// # Errors
    /// What became of the first request that was lost.
    pub fn finish(self) -> Result<u64, String> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread
                .join()
                .map_err(|_| "a thread of the load panicked".to_owned())??;
        }
        Ok(self.answered.load(Ordering::Relaxed))
    }
}

fn ask(port: u16, stop: &AtomicBool, answered: &AtomicU64) -> Result<(), String> {
    let mut connections: Vec<Option<TcpStream>> = (0..CONNECTIONS).map(|_| None).collect();
    let mut block = vec![0; 16 << 10];
    while !stop.load(Ordering::Relaxed) {
        for connection in &mut connections {
            let stream = match connection.take() {
                Some(stream) => stream,
                None => open(port).map_err(|error| format!("connect: {error}"))?,
            };
            (&stream)
                .write_all(REQUEST)
                .map_err(|error| format!("request: {error}"))?;
            *connection = Some(stream);
        }
        for connection in &mut connections {
            let Some(mut stream) = connection.take() else { continue };
            if answer(&mut stream, &mut block)? {
                *connection = Some(stream);
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn open(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads one answer of status 200: whether the connection stays.
fn answer(stream: &mut TcpStream, block: &mut [u8]) -> Result<bool, String> {
    let mut length = 0;
    loop {
        let text = String::from_utf8_lossy(&block[..length]).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            if !lower.starts_with("http/1.1 200") {
                return Err(format!("answer {head:?}"));
            }
            let wanted = lower
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let wanted: usize = wanted
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| format!("no length: {head:?}"))?;
            if body.len() >= wanted {
                return Ok(!lower.contains("connection: close"));
            }
        }
        match stream.read(&mut block[length..]) {
            Ok(0) => return Err(format!("closed after {text:?}")),
            Ok(count) => length += count,
            Err(error) => return Err(format!("read: {error} after {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What the load says of a server that answers `answers` times a connection, then closes.
    fn finish(answers: usize, closes: &'static str) -> Result<u64, String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let (mut stream, mut block) = (stream, [0; 1024]);
                    for n in 1..=answers {
                        let _count = stream.read(&mut block).ok()?;
                        let connection = if n == answers { closes } else { "keep-alive" };
                        let head =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: {connection}\r\n\r\nok");
                        stream.write_all(head.as_bytes()).ok()?;
                    }
                    stream.read(&mut block).ok()
                });
            }
        });
        let load = Load::start(port);
        let seen = crate::poll(PATIENCE, || {
            let is_over = load.answered() > 1000 || load.threads.iter().any(JoinHandle::is_finished);
            is_over.then_some(())
        });
        assert!(seen.is_some(), "it neither goes on nor ends");
        load.finish()
    }

    #[test]
    fn lost_requests_are_told() {
        assert!(finish(3, "close").is_ok_and(|answered| answered > 1000));
        assert!(finish(3, "keep-alive").is_err_and(|lost| lost.contains("closed") || lost.contains("request")));
        assert!(finish(0, "").is_err());
    }
}
