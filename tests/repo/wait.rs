//! Long polls: told at once of every change and of none twice; who holds something, who holds nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ballast_tests::http::Response;
use ballast_tests::repo::Repo;
use nix::sys::signal::Signal;

/// Far more than an answer takes that is not waited for.
const AT_ONCE: Duration = Duration::from_secs(3);

fn poll(repo: &Repo, name: &str, held: Option<&(String, u64)>, seconds: u64) -> Response {
    let wait = format!("wait={seconds}");
    let mut headers = vec![("prefer".to_owned(), wait)];
    if let Some((etag, revision)) = held {
        headers.push(("if-none-match".to_owned(), etag.clone()));
        headers.push(("ballast-revision".to_owned(), revision.to_string()));
    }
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let request = repo
        .request(&format!("HEAD /repo{name}/"), &headers, "")
        .timeout(Duration::from_secs(seconds + 10));
    request.send().expect("an answer")
}

fn in_background(repo: &Arc<Repo>, name: &'static str, held: Option<(String, u64)>) -> JoinHandle<(Response, Instant)> {
    let repo = Arc::clone(repo);
    std::thread::spawn(move || (poll(&repo, name, held.as_ref(), 30), Instant::now()))
}

fn with_a_and_b() -> Repo {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
        ("POST /api/v1/repo/b", r#"{"base":"/a"}"#),
        ("PATCH /api/v1/repo/b", r#"{"version":"1"}"#),
    ]);
    repo
}

#[test]
fn nothing_happens() {
    let repo = with_a_and_b();
    let held = repo.version("/a");
    let start = Instant::now();
    let answer = poll(&repo, "/a", Some(&held), 1);
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (304, Some("wait=1"))
    );
    assert_eq!(answer.header("etag"), Some("1"));
    assert!(start.elapsed() >= Duration::from_millis(850), "{:?}", start.elapsed());
    let answer = poll(&repo, "/a", Some(&held), 0);
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (304, None),
        "no wait, no preference applied"
    );
}

#[test]
fn what_is_known_to_differ_is_told_at_once() {
    let repo = with_a_and_b();
    let (etag, revision) = repo.version("/a");
    let rows = [
        ("nothing held", None),
        ("another etag", Some(("0".to_owned(), revision))),
        ("another revision", Some((etag.clone(), revision - 1))),
    ];
    for (row, held) in rows {
        let start = Instant::now();
        let answer = poll(&repo, "/a", held.as_ref(), 30);
        assert_eq!(
            (answer.status, answer.header("preference-applied")),
            (200, Some("wait=30")),
            "{row}"
        );
        assert!(start.elapsed() < AT_ONCE, "{row}");
    }
}

#[test]
fn changes_are_told_when_they_happen() {
    let repo = Arc::new(with_a_and_b());
    let pod = r#"{"metadata":{"uid":"u-9"}}"#;
    type Row = (&'static str, &'static str, bool, Vec<(&'static str, &'static str)>, u16);
    let rows: Vec<Row> = vec![
        (
            "a commit",
            "/a",
            true,
            vec![("PATCH /api/v1/repo/a", r#"{"version":"2"}"#)],
            200,
        ),
        (
            "a publish in place",
            "/a",
            true,
            vec![("POST /api/v1/repo-files/a/x", "1"), ("PATCH /api/v1/repo/a", "")],
            200,
        ),
        (
            "a commit of the base",
            "/b",
            true,
            vec![("PATCH /api/v1/repo/a", r#"{"version":"3"}"#)],
            200,
        ),
        (
            "a publish of the base",
            "/b",
            true,
            vec![("POST /api/v1/repo-files/a/x", "2"), ("PATCH /api/v1/repo/a", "")],
            200,
        ),
        (
            "a codebase that appears",
            "/new",
            false,
            vec![
                ("POST /api/v1/repo/new", ""),
                ("PATCH /api/v1/repo/new", r#"{"version":"1"}"#),
            ],
            200,
        ),
        (
            "an alias that appears",
            "/uid/u-9",
            false,
            vec![
                ("POST /api/v1/repo/pod/n/p", r#"{"base":"/a"}"#),
                ("POST /api/v1/repo-files/pod/n/p/config/pod.json", pod),
                ("PATCH /api/v1/repo/pod/n/p", r#"{"version":"1"}"#),
            ],
            200,
        ),
        (
            "a change seen by alias",
            "/uid/u-9",
            true,
            vec![("PATCH /api/v1/repo/pod/n/p", r#"{"version":"2"}"#)],
            200,
        ),
        (
            "deleted, seen by alias",
            "/uid/u-9",
            true,
            vec![("DELETE /api/v1/repo/pod/n/p", "")],
            410,
        ),
        ("deleted", "/new", true, vec![("DELETE /api/v1/repo/new", "")], 410),
        (
            "deleted with its base",
            "/b",
            true,
            vec![("DELETE /api/v1/repo/a", "")],
            410,
        ),
        (
            "comes back",
            "/new",
            false,
            vec![
                ("POST /api/v1/repo/new", ""),
                ("PATCH /api/v1/repo/new", r#"{"version":"1"}"#),
            ],
            200,
        ),
    ];
    for (row, name, holds, changes, status) in rows {
        let held = holds.then(|| repo.version(name));
        let waiting = in_background(&repo, name, held.clone());
        let start = Instant::now();
        repo.done(&changes);
        let (answer, at) = waiting.join().unwrap();
        assert_eq!(answer.status, status, "{row}");
        assert!(
            at.duration_since(start) < AT_ONCE,
            "{row}: {:?}",
            at.duration_since(start)
        );
    }
}

#[test]
fn no_change_is_lost_between_two_polls() {
    let repo = Arc::new(with_a_and_b());
    const CHANGES: u64 = 150;
    let writer = {
        let repo = Arc::clone(&repo);
        std::thread::spawn(move || {
            for version in 2..=CHANGES {
                repo.done(&[("PATCH /api/v1/repo/a", &format!(r#"{{"version":"{version}"}}"#))]);
            }
        })
    };
    let mut held = repo.version("/a");
    while held.0 != CHANGES.to_string() {
        let start = Instant::now();
        let answer = poll(&repo, "/a", Some(&held), 20);
        assert_eq!(answer.status, 200, "at {held:?} after {:?}", start.elapsed());
        let revision = answer.header("ballast-revision").unwrap().parse().unwrap();
        assert!(revision > held.1, "it grows");
        held = (answer.header("etag").unwrap().to_owned(), revision);
    }
    writer.join().unwrap();
}

#[test]
fn an_unknown_codebase_is_waited_for_and_stays_unknown() {
    let repo = with_a_and_b();
    let start = Instant::now();
    let answer = poll(&repo, "/none", None, 1);
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (404, Some("wait=1"))
    );
    assert!(start.elapsed() >= Duration::from_millis(850));
    repo.done(&[("DELETE /api/v1/repo/a", "")]);
    let start = Instant::now();
    assert_eq!(poll(&repo, "/a", Some(&("1".to_owned(), 1)), 30).status, 410);
    assert!(start.elapsed() < AT_ONCE, "who holds it is told at once");
    let start = Instant::now();
    assert_eq!(poll(&repo, "/a", None, 1).status, 410);
    assert!(
        start.elapsed() >= Duration::from_millis(850),
        "who holds nothing waits for it to come back"
    );
}

/// A poll that has arrived is answered, one that has not finds the door closed; nobody waits out his 300 seconds.
#[test]
fn a_repo_that_stops_lets_nobody_hang() {
    let mut repo = with_a_and_b();
    let address = repo.url.strip_prefix("http://").unwrap().to_owned();
    let mut waiting: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut waiting {
        let head = "HEAD /repo/a/ HTTP/1.1\r\nhost: x\r\nif-none-match: 1\r\nprefer: wait=300\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(AT_ONCE)).unwrap();
    }
    repo.process.signal(Signal::SIGTERM).unwrap();
    for mut stream in waiting {
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 304 "), "{answer:?}"),
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    let status = repo.process.wait(AT_ONCE).expect("it ends at once, too");
    assert_eq!(status.code(), Some(0));
}
