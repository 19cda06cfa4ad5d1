//! What is asked of the peers: bounded runs of wrk, requests at a steady rate, connections that only stay open.

use ballast_tests::process;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

const SECONDS: u64 = 2;
const WAIT: Duration = Duration::from_secs(10);

/// One run of wrk with one thread; `more` are further arguments. Gives the number of requests.
///
/// # Panics
/// When one was not answered well.
pub(crate) fn wrk(port: u16, connections: usize, more: &[&str]) -> f64 {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{SECONDS}s")])
        .args(more)
        .arg(format!("http://127.0.0.1:{port}/some/path"));
    let (status, output) = process::run("wrk", &mut wrk, Duration::from_secs(SECONDS + 20)).expect("wrk is installed");
    assert!(
        status.success() && !output.contains("Non-2xx") && !output.contains("Socket errors"),
        "wrk:\n{output}"
    );
    requests(&output)
}

/// The number of requests that wrk says it made.
pub(crate) fn requests(output: &str) -> f64 {
    let requests = output
        .split(" requests in")
        .next()
        .and_then(|text| text.split_whitespace().last());
    requests
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("wrk printed no number of requests:\n{output}"))
}

/// A kept HTTP/1.1 connection of a client.
pub(crate) struct Client(TcpStream);

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When that fails.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_nodelay(true).expect("a socket of ours");
        stream.set_read_timeout(Some(WAIT)).expect("a socket of ours");
        Client(stream)
    }

    /// Sends a request.
    pub(crate) fn ask(&mut self) {
        let request = b"GET /some/path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        self.0.write_all(request).expect("the server reads");
    }

    /// Reads the response to the request before; gives its body. Responses here are short and have a length.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn answer(&mut self) -> String {
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let size = self.0.read(&mut buffer).expect("the server answers");
            assert!(size > 0, "closed after {}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&buffer[..size]);
            let text = String::from_utf8_lossy(&got);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let head = head.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
            if body.len() >= length {
                return body.to_owned();
            }
        }
    }
}

/// Asks `rate` times a second, over all `clients` in turn, for `time`; gives the bodies of all answers.
pub(crate) fn paced(clients: &mut [Client], rate: usize, time: Duration) -> Vec<String> {
    // A request at a time: in bunches, fewer threads would look better than they are.
    const TICK: Duration = Duration::from_micros(50);
    let since = Instant::now();
    let mut bodies = Vec::new();
    let mut next = 0;
    while since.elapsed() < time {
        let due = (since.elapsed().as_secs_f64() * rate as f64) as usize;
        let asked: Vec<usize> = (bodies.len()..due)
            .take(clients.len())
            .map(|_| {
                next = (next + 1) % clients.len();
                clients[next].ask();
                next
            })
            .collect();
        bodies.extend(asked.into_iter().map(|index| clients[index].answer()));
        // The pace is what is measured: there is no condition to wait for.
        std::thread::sleep(TICK);
    }
    bodies
}

/// Sends one POST with a JSON body on a connection of its own; gives what came back.
///
/// # Panics
/// When nothing does.
pub(crate) fn post(port: u16, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(WAIT)).expect("a socket of ours");
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers in UTF-8");
    answer
}
