//! Logs that are followed over a WebSocket of the admin port. Source: pipyjs/repo.md section 5; RFC 6455 (frames, handshake).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use ballast_tests::{free_port, http, wait_for};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, asked, start, wait_answer};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The key of RFC 6455 section 1.3.
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Follower(BufReader<TcpStream>);

impl Follower {
    /// Asks for `path`: the status, and the follower when it is 101.
    fn ask(port: u16, method: &str, path: &str, headers: &str) -> (String, Follower) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the admin port is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n"
        )
        .expect("it is open");
        let mut follower = Follower(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(follower.0.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        (head.to_ascii_lowercase(), follower)
    }

    fn new(port: u16, name: &str) -> Follower {
        let (head, follower) = Follower::ask(port, "GET", &format!("/api/v1/log/{name}"), HANDSHAKE);
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
            "{head}"
        );
        follower
    }

    /// First byte and body of the next frame.
    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).expect("a length");
                usize::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length).expect("a length");
                usize::try_from(u64::from_be_bytes(length)).expect("a length")
            }
            short => {
                assert!(short < 126, "servers do not mask");
                usize::from(short)
            }
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        (head[0], body)
    }

    /// Text until it contains `word`.
    fn until(&mut self, word: &str) -> String {
        let mut text = String::new();
        while !text.contains(word) {
            match self.frame() {
                (TEXT, body) => text.push_str(std::str::from_utf8(&body).expect("UTF-8")),
                (PING, _) => {}
                (kind, _) => panic!("frame {kind:#x} after {text}"),
            }
        }
        text
    }

    /// A short frame, masked with a key of zeros.
    fn send(&mut self, kind: u8, body: &[u8]) {
        let mut frame = vec![kind, 0x80 | u8::try_from(body.len()).expect("short"), 0, 0, 0, 0];
        frame.extend_from_slice(body);
        self.0.get_mut().write_all(&frame).expect("it is open");
    }
}

#[test]
fn logs_are_followed() {
    let (port, admin) = (free_port(), free_port());
    let script = format!(
        "((log = new logging.TextLogger('access log').log) =>
        pipy().listen({port}).handleData(d => d.size && log(d.toString())))()"
    );
    let process = start(&["run", &format!("--admin-port=127.0.0.1:{admin}"), &script]);
    wait_answer(&process, port, "?");
    // What was logged before comes first.
    let mut system = Follower::new(admin, "pipy_log");
    assert!(system.until("listening on").contains("[INF]"));
    let mut logger = Follower::new(admin, "access%20log");
    assert_eq!(logger.until("?\n"), "?\n");
    wait_answer(&process, port, "?");
    assert_eq!(logger.until("?\n"), "?\n");
    process.signal(Signal::SIGHUP).expect("it runs");
    system.until("reloaded\n");
    // By the name of the instance, too.
    let status = http::get(&format!("http://127.0.0.1:{admin}/status")).expect("it answers");
    let uuid = status.json()["uuid"].as_str().expect("text").to_owned();
    Follower::new(admin, &format!("{uuid}/pipy_log")).until("reloaded\n");
    logger.send(TEXT, b"nobody hears");
    logger.send(PING, b"there?");
    assert_eq!(logger.frame(), (PONG, b"there?".to_vec()));
    logger.send(CLOSE, &[3, 0xe8]);
    assert_eq!(logger.frame(), (CLOSE, vec![3, 0xe8]));
    assert_eq!(logger.0.read(&mut [0]).expect("an end"), 0);
    for (method, name, headers, status) in [
        ("GET", "other", HANDSHAKE, "404"),
        ("GET", "wrong-uuid/pipy_log", HANDSHAKE, "404"),
        ("GET", "pipy_log", "", "426"),
        ("POST", "pipy_log", HANDSHAKE, "405"),
    ] {
        let (head, _) = Follower::ask(admin, method, &format!("/api/v1/log/{name}"), headers);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{name}: {head}");
    }
    // A page that an operator opens may not read them (RFC 6455 section 10.2).
    for (origin, status) in [
        ("http://evil.example".to_owned(), "403"),
        (format!("http://127.0.0.1:{admin}"), "101"),
    ] {
        let headers = format!("{HANDSHAKE}Origin: {origin}\r\n");
        let (head, _) = Follower::ask(admin, "GET", "/api/v1/log/pipy_log", &headers);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{origin}: {head}");
    }
    // A bounded number of them, and room again when they have gone.
    let mut many: Vec<Follower> = (0..6).map(|_| Follower::new(admin, "pipy_log")).collect();
    wait_for(DEADLINE, "the other ones have gone, these fit", || {
        let (head, follower) = Follower::ask(admin, "GET", "/api/v1/log/pipy_log", HANDSHAKE);
        let is_taken = head.starts_with("http/1.1 101 ");
        if is_taken {
            many.push(follower);
        }
        !is_taken && head.starts_with("http/1.1 503 ")
    });
    many.clear();
    wait_for(DEADLINE, "there is room again", || {
        let (head, _) = Follower::ask(admin, "GET", "/api/v1/log/pipy_log", HANDSHAKE);
        head.starts_with("http/1.1 101 ")
    });
}

/// A follower that does not read costs no memory: what leaves the history before it comes is counted, and told.
#[test]
fn a_slow_follower_is_told_what_it_has_missed() {
    const BATCHES: usize = 20;
    const LINES: usize = 1000;
    let (port, admin) = (free_port(), free_port());
    let script = format!(
        "pipy({{ _pad: 'x'.repeat(1000) }}).listen({port})\
         .replaceData(d => d.size ? (new Array({LINES}).fill(0).forEach(() => console.log('line', _pad)), new Data('done')) : null)"
    );
    let process = start(&[
        "run",
        "--log-local=null",
        "--log-history-limit=100k",
        &format!("--admin-port=127.0.0.1:{admin}"),
        &script,
    ]);
    wait_for(DEADLINE, "it listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    wait_for(DEADLINE, "the admin port is open", || {
        TcpStream::connect(("127.0.0.1", admin)).is_ok()
    });
    let mut follower = Follower::new(admin, "pipy_log");
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("a process has memory")
    };
    assert_eq!(asked(port).as_deref(), Some("done"));
    let before = memory();
    for _ in 1..BATCHES {
        assert_eq!(asked(port).as_deref(), Some("done"));
    }
    // 20 MB were logged: more than sockets hold.
    let after = memory();
    assert!(after < before + (8 << 10), "{before} KiB, then {after}");
    // The last one comes too late to be lost.
    process.signal(Signal::SIGHUP).expect("it runs");
    let text = follower.until("reloaded\n");
    let lost: usize = text
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once(" lines were dropped"))
        .map(|(count, _)| count.parse::<usize>().expect("a number"))
        .sum();
    let lines = text.lines().filter(|line| line.contains("line xxx")).count();
    assert!(lost > 0, "all of it came");
    // A few lines of the start may be among those that were lost.
    let all = BATCHES * LINES;
    assert!((all..all + 20).contains(&(lost + lines)), "{lost} + {lines}");
}
