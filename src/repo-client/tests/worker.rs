//! The worker against Repos as upstream's is and as they may misbehave: a server of canned answers. Expectations: Repo
//! protocol section 1. (Against our own Repo: tests/repo/ and the agent's tests.)

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast_repo_client::{Error, Options, Poll, Version, Worker};

/// `METHOD path` → status line, headers and body; anything else is 404. Also keeps what was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answers = &'static [(&'static str, &'static str, &'static str)];

impl Server {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}/code/", listener.local_addr().expect("it is bound"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || talk(stream, answers, &kept));
            }
        });
        Self { url, asked }
    }

    fn worker(&self) -> Worker {
        // Installed by the first test that gets here.
        drop(rustls::crypto::ring::default_provider().install_default());
        Worker::new(&self.url, &Options::default()).expect("a good address")
    }
}

fn talk(stream: TcpStream, answers: Answers, asked: &Mutex<Vec<String>>) -> Option<()> {
    let answers: HashMap<&str, (&str, &str)> = answers
        .iter()
        .map(|(asked, head, body)| (*asked, (*head, *body)))
        .collect();
    let mut reader = BufReader::new(stream);
    loop {
        let mut start = String::new();
        reader.read_line(&mut start).ok().filter(|&n| n > 0)?;
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
            reader.read_line(&mut headers).ok().filter(|&n| n > 0)?;
        }
        let length = headers
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        reader
            .by_ref()
            .take(length.unwrap_or(0))
            .read_to_end(&mut Vec::new())
            .ok()?;
        let request = start.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        asked
            .lock()
            .expect("nobody panics with it")
            .push(format!("{request}\n{headers}"));
        let (head, body) = answers.get(request.as_str()).copied().unwrap_or(("404 Not Found", ""));
        let body = if request.starts_with("HEAD") { "" } else { body };
        let length = if head.contains("content-length") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        write!(reader.get_mut(), "HTTP/1.1 {head}\r\n{length}\r\n{body}").ok()?;
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn a_list_is_fetched_file_by_file_over_one_connection() {
    let server = Server::start(&[
        (
            "GET /code/",
            "200 OK\r\netag: 7\r\nlast-modified: then",
            "/main.js\n\n /lib/a.js \r\n/none.js\n/empty.js",
        ),
        ("GET /code/main.js", "200 OK", "main"),
        ("GET /code/lib/a.js", "200 OK", "a"),
        ("GET /code/empty.js", "200 OK", ""),
    ]);
    let snapshot = block_on(server.worker().fetch_all()).unwrap();
    assert_eq!(snapshot.main, "/main.js");
    let files: Vec<(&str, &[u8])> = snapshot
        .files
        .iter()
        .map(|(path, bytes)| (path.as_str(), &bytes[..]))
        .collect();
    assert_eq!(
        files,
        [("/empty.js", &b""[..]), ("/lib/a.js", b"a"), ("/main.js", b"main")],
        "a 404 is skipped"
    );
    let version = Version {
        etag: "7".to_owned(),
        last_modified: "then".to_owned(),
        revision: 0,
    };
    assert_eq!(snapshot.version, version);
    let asked = server.asked.lock().unwrap();
    let order: Vec<&str> = asked.iter().filter_map(|asked| asked.lines().next()).collect();
    assert_eq!(
        order,
        [
            "GET /code/",
            "GET /code/main.js",
            "GET /code/lib/a.js",
            "GET /code/none.js",
            "GET /code/empty.js"
        ]
    );
}

#[test]
fn any_other_body_is_the_only_script() {
    for body in ["pipy({})", "// comment\n", "/* comment */", "/x", ""] {
        let answers: Answers = Box::leak(Box::new([("GET /code/", "200 OK", body)]));
        let snapshot = block_on(Server::start(answers).worker().fetch_all()).unwrap();
        assert_eq!(
            (snapshot.main.as_str(), snapshot.files.len()),
            ("/main.js", 1),
            "{body:?}"
        );
        assert_eq!(snapshot.files["/main.js"], body);
    }
}

#[test]
fn a_partly_downloaded_codebase_is_never_used() {
    let rows: [(&str, Answers, &str); 7] = [
        ("no codebase", &[], "status 404"),
        (
            "a file fails",
            &[
                ("GET /code/", "200 OK", "/a.js\n"),
                ("GET /code/a.js", "500 Oops", "why"),
            ],
            "status 500 \"why\"",
        ),
        (
            "moved",
            &[("GET /code/", "302 Found\r\nlocation: /other/", "")],
            "status 302",
        ),
        (
            "a list that climbs",
            &[("GET /code/", "200 OK", "/../secret\n")],
            "segment",
        ),
        (
            "a file cut short",
            &[
                ("GET /code/", "200 OK", "/a.js\n"),
                ("GET /code/a.js", "200 OK\r\ncontent-length: bad", "x"),
            ],
            "a.js",
        ),
        (
            "a list too large",
            &[("GET /code/", "200 OK\r\ncontent-length: 9999999999", "x")],
            "more than",
        ),
        (
            "no tar",
            &[("GET /code/", "200 OK\r\ncontent-type: application/x-tar", "nonsense")],
            "tar",
        ),
    ];
    for (row, answers, wanted) in rows {
        let message = block_on(Server::start(answers).worker().fetch_all())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(wanted) && message.contains("GET http://127.0.0.1"),
            "{row}: {message}"
        );
    }
}

#[test]
fn polls() {
    let held = Version {
        etag: "7".to_owned(),
        ..Version::default()
    };
    let newer = Version {
        etag: "8".to_owned(),
        ..Version::default()
    };
    let in_place = Version {
        etag: "7".to_owned(),
        revision: 3,
        ..Version::default()
    };
    let nothing = Version::default();
    type Row<'a> = (&'a str, &'static str, Option<&'a Version>, Poll, bool);
    let rows: [Row<'_>; 10] = [
        ("same etag", "200 OK\r\netag: 7", Some(&held), Poll::Unchanged, false),
        (
            "other etag",
            "200 OK\r\netag: 8",
            Some(&held),
            Poll::Changed(newer),
            false,
        ),
        (
            "nothing held",
            "200 OK\r\netag: 7",
            None,
            Poll::Changed(held.clone()),
            false,
        ),
        (
            "no versions, nothing held",
            "200 OK",
            None,
            Poll::Changed(nothing.clone()),
            false,
        ),
        ("no versions, held", "200 OK", Some(&nothing), Poll::Unchanged, false),
        (
            "same etag, other revision",
            "200 OK\r\netag: 7\r\nballast-revision: 3",
            Some(&held),
            Poll::Changed(in_place),
            false,
        ),
        (
            "waited",
            "304 Not Modified\r\npreference-applied: wait=5",
            Some(&held),
            Poll::Unchanged,
            true,
        ),
        ("gone", "410 Gone", Some(&held), Poll::Gone, false),
        (
            "unknown",
            "404 Not Found\r\npreference-applied: wait=5",
            None,
            Poll::Unknown,
            true,
        ),
        ("another Pod's", "409 Conflict", Some(&held), Poll::Conflict, false),
    ];
    for (row, head, held, wanted, waits) in rows {
        let answers: Answers = Box::leak(Box::new([("HEAD /code/", head, "")]));
        let server = Server::start(answers);
        let polled = block_on(server.worker().poll(held, Duration::from_secs(5))).unwrap();
        assert_eq!((polled.poll, polled.waits), (wanted, waits), "{row}");
        let asked = server.asked.lock().unwrap().concat();
        assert!(asked.contains("prefer: wait=5"), "{row}: {asked}");
        assert_eq!(asked.contains("if-none-match"), held.is_some(), "{row}: {asked}");
    }
    let server = Server::start(&[("HEAD /code/", "503 Busy", "")]);
    let error = block_on(server.worker().poll(Some(&held), Duration::ZERO)).unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert!(!server.asked.lock().unwrap().concat().contains("prefer"));
}

#[test]
fn a_repo_that_is_down() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server {
        url: format!("http://user:s3cret@127.0.0.1:{port}/"),
        asked: Arc::default(),
    };
    let error = block_on(server.worker().poll(None, Duration::ZERO)).unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(error, Error::Transport { .. }) && message.contains("refused") && !message.contains("s3cret"),
        "{message}"
    );
}

#[test]
fn https_needs_certificates() {
    let server = Server {
        url: "https://repo/".to_owned(),
        asked: Arc::default(),
    };
    drop(server.asked);
    let message = Worker::new(&server.url, &Options::default()).err().unwrap().to_string();
    assert!(message.contains("BALLAST_REPO_CA"), "{message}");
}
