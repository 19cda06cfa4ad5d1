//! The admin link between worker and Repo: a WebSocket, written from the Repo's side after pipyjs/repo.md 1.3, since our
//! Repo has none; frames and handshake after RFC 6455.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ballast_tests::{Process, bin, free_port, poll, temp_dir, wait_for};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, answering, asked, start, wait_answer};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// What the Repo does with a worker that wants a link.
#[derive(Clone, Copy, PartialEq)]
enum Links {
    Taken,
    /// With another key's answer.
    Wrong,
    /// 404.
    Unknown,
    /// Not answered at all.
    Silent,
}

/// What the Repo serves now.
struct Served {
    version: u32,
    main: String,
    links: Links,
    /// Polls that wait.
    held: usize,
}

/// A small Repo with one codebase, whatever its name, of one file. Polls that may wait for news wait for ever; others are
/// answered at once: what changes is noticed by a `reload` only.
struct Repo {
    url: String,
    served: Arc<Mutex<Served>>,
    /// Links that were taken.
    taken: Receiver<Link>,
    /// When a link was asked for.
    asked: Receiver<Instant>,
}

impl Repo {
    fn new(main: &str, links: Links) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let served = Arc::new(Mutex::new(Served {
            version: 1,
            main: main.to_owned(),
            links,
            held: 0,
        }));
        let (give, taken) = channel();
        let (tell, asked) = channel();
        let shared = served.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (served, give, tell) = (shared.clone(), give.clone(), tell.clone());
                thread::spawn(move || serve(stream, &served, &give, &tell));
            }
        });
        Repo {
            url,
            served,
            taken,
            asked,
        }
    }

    fn publish(&self, main: &str) {
        let mut served = self.served.lock().expect("no thread panics with it");
        served.version += 1;
        main.clone_into(&mut served.main);
    }

    /// Waits for a poll that waits.
    #[track_caller]
    fn held(&self) {
        wait_for(DEADLINE, "a poll that waits", || {
            std::mem::take(&mut self.served.lock().expect("no thread panics with it").held) > 0
        });
    }

    fn links(&self, links: Links) {
        self.served.lock().expect("no thread panics with it").links = links;
    }

    /// The next link.
    #[track_caller]
    fn link(&self, process: &Process) -> Link {
        let link = self.taken.recv_timeout(DEADLINE);
        link.unwrap_or_else(|_| panic!("no link; it said:\n{}", process.output()))
    }

    /// Waits until a link is asked for.
    #[track_caller]
    fn asked(&self) -> Instant {
        self.asked.recv_timeout(DEADLINE).expect("a link is asked for")
    }
}

/// The requests of one connection, one after the other. It ends when the worker does.
fn serve(stream: TcpStream, served: &Mutex<Served>, give: &Sender<Link>, tell: &Sender<Instant>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let (version, main, links) = {
            let served = served.lock().ok()?;
            (served.version, served.main.clone(), served.links)
        };
        if header("upgrade") == "websocket" {
            tell.send(Instant::now()).ok()?;
            match links {
                Links::Unknown => {
                    reader
                        .get_mut()
                        .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                        .ok()?;
                    continue;
                }
                Links::Silent => {
                    // Until the worker gives up.
                    reader.read_exact(&mut [0; 1]).ok();
                    return None;
                }
                Links::Taken | Links::Wrong => {}
            }
            let rows = [("connection", "Upgrade"), ("sec-websocket-version", "13")];
            assert!(rows.iter().all(|(name, value)| header(name) == *value), "{headers:?}");
            let key = match links {
                Links::Wrong => "dGhlIHNhbXBsZSBub25jZQ==",
                _ => header("sec-websocket-key"),
            };
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                answer_to(key)
            );
            reader.get_mut().write_all(answer.as_bytes()).ok()?;
            reader.get_mut().set_read_timeout(Some(DEADLINE)).ok()?;
            let link = Link {
                path: path.to_owned(),
                stream: reader,
            };
            return give.send(link).ok();
        }
        let (status, content) = match (method, path.rsplit('/').next()?) {
            ("HEAD", _) if headers.contains_key("prefer") && header("if-none-match") == version.to_string() => {
                // A long poll, for ever.
                served.lock().ok()?.held += 1;
                reader.read_exact(&mut [0; 1]).ok();
                return None;
            }
            ("HEAD", _) => ("200 OK", String::new()),
            ("GET", "") => ("200 OK", "/main.js\n".to_owned()),
            ("GET", "main.js") => ("200 OK", main),
            ("POST", _) => ("201 Created", String::new()),
            _ => ("404 Not Found", String::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\netag: {version}\r\ncontent-length: {}\r\n\r\n{content}",
            content.len()
        );
        reader.get_mut().write_all(head.as_bytes()).ok()?;
    }
}

/// RFC 6455 section 4.2.2, by OpenSSL's SHA-1.
fn answer_to(key: &str) -> String {
    let line =
        format!("printf %s '{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl dgst -sha1 -binary | openssl base64");
    let output = Command::new("sh")
        .args(["-c", &line])
        .output()
        .expect("OpenSSL is installed");
    String::from_utf8(output.stdout).expect("base64").trim().to_owned()
}

/// The Repo's end of a link.
struct Link {
    path: String,
    stream: BufReader<TcpStream>,
}

impl Link {
    /// A short frame, not masked, as servers send them.
    fn send(&mut self, kind: u8, body: &str) {
        let mut frame = vec![kind, u8::try_from(body.len()).expect("short")];
        frame.extend_from_slice(body.as_bytes());
        self.stream.get_mut().write_all(&frame).expect("it is open");
    }

    /// First byte and body of the next frame, unmasked; None: the link has ended.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        assert!(head[1] & 0x80 != 0, "clients mask");
        let length = match head[1] & 0x7f {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).ok()?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length).ok()?;
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut key = [0; 4];
        self.stream.read_exact(&mut key).ok()?;
        let mut body = vec![0; usize::try_from(length).expect("a length")];
        self.stream.read_exact(&mut body).ok()?;
        for (byte, key) in body.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        Some((head[0], body))
    }

    /// The next message's words and the rest: `log/NAME` and bytes.
    #[track_caller]
    fn text(&mut self) -> (String, String) {
        let (kind, body) = self.frame().expect("the link is open");
        assert_eq!(kind, TEXT, "{body:?}");
        let body = String::from_utf8(body).expect("UTF-8");
        let (head, lines) = body.split_once('\n').expect("a line with the name");
        (head.to_owned(), lines.to_owned())
    }
}

/// Logs what it reads under two names, and answers with it.
fn logging(port: u16) -> String {
    format!(
        "((a = new logging.TextLogger('access/log').log, b = new logging.BinaryLogger('raw').log) => \
         pipy().listen({port}).handleData(d => d.size && (a(d.toString()), b(new Data([255])))))()"
    )
}

#[test]
fn a_reload_is_a_look_at_the_codebase_at_once() {
    let port = free_port();
    let repo = Repo::new(&answering(port, "one"), Links::Taken);
    let url = format!("{}/repo/app/", repo.url);
    let process = start(&["run", "--instance-uuid=u-1", &url]);
    let mut link = repo.link(&process);
    assert_eq!(link.path, "/repo/app/u-1");
    wait_answer(&process, port, "one");
    // What it does not know does no harm.
    link.send(TEXT, "restart");
    link.send(TEXT, "log/on/");
    repo.publish(&answering(port, "two"));
    // A flood of them is one look a second, and interrupts no download.
    for _ in 0..1000 {
        link.send(TEXT, "reload");
    }
    wait_answer(&process, port, "two");
    repo.held();
    repo.publish(&answering(port, "three"));
    link.send(TEXT, "reload");
    wait_answer(&process, port, "three");
    link.send(PING, "there?");
    assert_eq!(link.frame(), Some((PONG, b"there?".to_vec())));
}

#[test]
fn logs_go_to_the_repo_that_asks_for_them() {
    let port = free_port();
    let repo = Repo::new(&logging(port), Links::Taken);
    let url = format!("{}/repo/app/", repo.url);
    let process = start(&["run", &url]);
    let mut link = repo.link(&process);
    wait_answer(&process, port, "?");
    link.send(TEXT, "log/tail/access/log");
    assert_eq!(link.text(), ("log-tail/access/log".to_owned(), "?\n".to_owned()));
    // From now on; a log that nobody writes need not be there.
    link.send(TEXT, "log/on/none");
    link.send(TEXT, "log/on/access/log");
    link.send(TEXT, "log/tail/none");
    assert_eq!(link.text(), ("log-tail/none".to_owned(), String::new()));
    wait_answer(&process, port, "?");
    assert_eq!(link.text(), ("log/access/log".to_owned(), "?\n".to_owned()));
    link.send(TEXT, "log/off/access/log");
    link.send(TEXT, "log/tail/none");
    assert_eq!(link.text().0, "log-tail/none");
    wait_answer(&process, port, "?");
    link.send(TEXT, "log/tail/access/log");
    assert_eq!(link.text(), ("log-tail/access/log".to_owned(), "?\n".repeat(3)));
    // What is no text comes as bytes.
    link.send(TEXT, "log/tail/raw");
    let (kind, body) = link.frame().expect("the link is open");
    assert_eq!(
        (kind, body.starts_with(b"log-tail/raw\n\xff")),
        (BINARY, true),
        "{body:?}"
    );
    link.send(TEXT, "log/on/pipy_log");
    link.send(TEXT, "log/tail/pipy_log");
    let (head, lines) = link.text();
    assert_eq!(head, "log-tail/pipy_log");
    assert!(lines.contains("listening on"), "{lines}");
    process.signal(Signal::SIGHUP).expect("it runs");
    let mut lines = String::new();
    while !lines.contains("reloaded\n") {
        let (head, more) = link.text();
        assert_eq!(head, "log/pipy_log");
        lines.push_str(&more);
    }
    assert!(!lines.contains("listening on TCP"), "{lines}");
}

#[test]
fn the_own_log_stays_here_if_told_so() {
    let port = free_port();
    let repo = Repo::new(&logging(port), Links::Taken);
    let url = format!("{}/repo/app/", repo.url);
    let process = start(&["run", "--log-local-only", &url]);
    let mut link = repo.link(&process);
    wait_answer(&process, port, "?");
    link.send(TEXT, "log/on/pipy_log");
    link.send(TEXT, "log/tail/pipy_log");
    assert_eq!(link.text(), ("log-tail/pipy_log".to_owned(), String::new()));
    process.signal(Signal::SIGHUP).expect("it runs");
    let reloaded = poll(DEADLINE, || process.output().contains("reloaded").then_some(()));
    assert!(reloaded.is_some(), "{}", process.output());
    link.send(TEXT, "log/tail/access/log");
    assert_eq!(link.text().0, "log-tail/access/log");
}

#[test]
fn a_lost_link_is_opened_again_and_the_end_is_told() {
    let port = free_port();
    let repo = Repo::new(&answering(port, "one"), Links::Taken);
    let url = format!("{}/repo/app/", repo.url);
    let mut process = start(&["run", &url]);
    let mut link = repo.link(&process);
    // Closed in order.
    link.send(CLOSE, "\u{3}\u{68}");
    assert_eq!(link.frame(), Some((CLOSE, vec![3, 0x68])));
    let first = repo.asked();
    let again = repo.asked();
    // Half of 5 s is chance.
    assert!(again - first >= Duration::from_secs(2), "{:?}", again - first);
    drop(repo.link(&process));
    let mut last = repo.link(&process);
    wait_answer(&process, port, "one");
    process.signal(Signal::SIGTERM).expect("it runs");
    assert_eq!(last.frame(), Some((CLOSE, 1001u16.to_be_bytes().to_vec())));
    assert_eq!(last.frame(), None);
    assert_eq!(process.wait(DEADLINE).and_then(|status| status.code()), Some(0));
}

#[test]
fn a_repo_without_it_costs_nothing() {
    for links in [Links::Unknown, Links::Silent, Links::Wrong] {
        let port = free_port();
        let repo = Repo::new(&answering(port, "one"), links);
        let url = format!("{}/repo/app/", repo.url);
        let mut process = start(&["run", &url]);
        let first = repo.asked();
        wait_answer(&process, port, "one");
        if links == Links::Wrong {
            let mut link = repo.link(&process);
            assert_eq!(link.frame(), None, "a wrong answer is no link");
        }
        if links != Links::Silent {
            assert!(repo.asked() - first >= Duration::from_secs(2));
            if links == Links::Wrong {
                drop(repo.link(&process));
            }
            repo.links(Links::Taken);
            let mut link = repo.link(&process);
            link.send(PING, "");
            assert_eq!(link.frame(), Some((PONG, Vec::new())));
        }
        assert_eq!(asked(port).as_deref(), Some("one"));
        process.signal(Signal::SIGTERM).expect("it runs");
        assert_eq!(process.wait(DEADLINE).and_then(|status| status.code()), Some(0));
    }
}

/// What the Repo does not read is not kept for it: lines that leave the history meanwhile are counted, and told.
#[test]
fn a_repo_that_does_not_read_costs_no_memory() {
    const BATCHES: usize = 20;
    let port = free_port();
    let main = format!(
        "pipy({{ _pad: 'x'.repeat(1000), _l: new logging.TextLogger('much') }}).listen({port})\
         .replaceData(d => d.size ? (new Array(1000).fill(0).forEach(() => _l.log('line', _pad)), new Data('done')) : null)"
    );
    let repo = Repo::new(&main, Links::Taken);
    let url = format!("{}/repo/app/", repo.url);
    let process = start(&["run", "--log-history-limit=100k", &url]);
    let mut link = repo.link(&process);
    wait_answer(&process, port, "done");
    link.send(TEXT, "log/on/much");
    link.send(TEXT, "log/tail/none");
    assert_eq!(link.text().0, "log-tail/none");
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("a process has memory")
    };
    let before = memory();
    for _ in 0..BATCHES {
        assert_eq!(asked(port).as_deref(), Some("done"));
    }
    let after = memory();
    assert!(after < before + (8 << 10), "{before} KiB, then {after}");
    let (mut lost, mut lines) = (0, 0);
    while lost + lines < BATCHES * 1000 {
        let (head, text) = link.text();
        assert_eq!(head, "log/much");
        for line in text.lines() {
            match line
                .strip_prefix('[')
                .and_then(|line| line.split_once(" lines were dropped"))
            {
                Some((count, _)) => lost += count.parse::<usize>().expect("a number"),
                None => lines += usize::from(line.starts_with("line xxx")),
            }
        }
    }
    assert_eq!(lost + lines, BATCHES * 1000);
    assert!(lost > 0, "all of it came");
}

#[test]
fn the_agent_of_a_pod_holds_one() {
    let port = free_port();
    let repo = Repo::new(&answering(port, "one"), Links::Taken);
    let memory = temp_dir();
    let mut command = Command::new(bin("ballast"));
    command
        .arg("agent")
        .current_dir(memory.path())
        .env("BALLAST_REPO", &repo.url)
        .env("BALLAST_NAMESPACE", "shop")
        .env("BALLAST_DRAIN", "3");
    let mut process = Process::spawn("agent", &mut command).expect("it starts");
    let mut link = repo.link(&process);
    assert!(link.path.starts_with("/repo/pod/shop/"), "{}", link.path);
    wait_answer(&process, port, "one");
    repo.held();
    repo.publish(&answering(port, "two"));
    link.send(TEXT, "reload");
    wait_answer(&process, port, "two");
    process.signal(Signal::SIGTERM).expect("it runs");
    assert_eq!(link.frame(), Some((CLOSE, 1001u16.to_be_bytes().to_vec())));
    assert_eq!(process.wait(DEADLINE).and_then(|status| status.code()), Some(0));
}
