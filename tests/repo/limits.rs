//! Bounds: bodies, heads, clients that dawdle or vanish.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use ballast_tests::http::Request;
use ballast_tests::repo::Repo;
use ballast_tests::{Process, bin, poll, wait_for};

const DEADLINE: Duration = Duration::from_secs(15);

const MIB: usize = 1 << 20;

#[test]
fn bodies() {
    let repo = Repo::dev();
    repo.done(&[("POST /api/v1/repo/a", "")]);
    let rows = [
        (
            "a file as large as allowed",
            "POST /api/v1/repo-files/a/x",
            8 * MIB,
            201,
        ),
        ("a byte more", "POST /api/v1/repo-files/a/x", 8 * MIB + 1, 413),
        ("a status too large", "POST /repo/base/", MIB + 1, 413),
        ("a file again", "PATCH /api/v1/repo-files/a/y", 8 * MIB, 201),
    ];
    for (row, request, bytes, status) in rows {
        assert_eq!(repo.send(request, &[], &"x".repeat(bytes)).status, status, "{row}");
    }
    let endless = format!(r#"{{"uuid":"{}"}}"#, "x".repeat(MIB / 2));
    assert_eq!(
        repo.send("POST /repo/base/", &[], &endless).status,
        503,
        "anybody may report, so nothing long is kept"
    );
    assert_eq!(repo.info("/base")["instances"], serde_json::json!({}));
    let many = (0..8).map(|n| {
        repo.send(&format!("POST /api/v1/repo-files/a/f{n}"), &[], &"x".repeat(8 * MIB))
            .status
    });
    assert!(
        many.into_iter().any(|status| status == 413),
        "a codebase has at most 64 MiB"
    );
    assert_eq!(repo.get("/repo/base/").status, 200, "and goes on");
}

#[test]
fn heads_and_broken_clients() {
    let repo = Repo::dev();
    let address = repo.url.strip_prefix("http://").unwrap();
    let long = format!("GET /repo/base/ HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200 << 10));
    let rows: [(&str, &str, &str); 4] = [
        ("no HTTP", "\0\0\0\0\r\n\r\n", "HTTP/1.1 400"),
        ("a head that is too long", &long, "HTTP/1.1 431"),
        (
            "a negative length",
            "POST /repo/base/ HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 400",
        ),
        (
            "a good one, then the end",
            "GET /repo/base/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200",
        ),
    ];
    for (row, bytes, wanted) in rows {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // It may hang up before it has read all.
        let _sent = stream.write_all(bytes.as_bytes());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap_or_else(|e| panic!("{row}: {e}"));
        assert_eq!(String::from_utf8_lossy(&answer), wanted, "{row}");
    }
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"HEAD /repo/none/ HTTP/1.1\r\nhost: x\r\nprefer: wait=300\r\n\r\n")
            .unwrap();
    }
    assert_eq!(repo.get("/repo/base/").status, 200, "vanished waiters harm nobody");
}

/// Starts a Repo with limits of open files, opens `polls` long polls, and gives both.
fn with_open_files(limits: &str, polls: usize) -> (Process, String, Vec<TcpStream>) {
    let script = format!("ulimit {limits}; exec \"$0\" --dev --listen 127.0.0.1:0");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(bin("ballast-repo"));
    let mut process = Process::spawn("ballast-repo", &mut command).expect("it starts");
    process.wait_output(DEADLINE, "listening on http://");
    let output = process.output();
    let address = output
        .lines()
        .find_map(|line| line.strip_prefix("listening on http://"))
        .expect("just seen");
    let polls = (0..polls).map(|_| {
        let mut stream = TcpStream::connect(address).expect("the kernel takes it in");
        stream
            .write_all(b"HEAD /repo/none/ HTTP/1.1\r\nhost: x\r\nprefer: wait=300\r\n\r\n")
            .expect("it is open");
        stream
    });
    let polls = polls.collect();
    (process, format!("http://{address}"), polls)
}

/// Each Pod of a cluster holds a connection, so the soft limit of open files (usually 1024) is not the Repo's.
#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let (_repo, url, _polls) = with_open_files("-Sn 64", 150);
    let answer = Request::new("GET", &format!("{url}/repo/base/")).send().unwrap();
    assert_eq!(answer.status, 200);
}

#[test]
fn at_the_hard_limit_it_says_so_once_and_recovers() {
    let (mut repo, url, polls) = with_open_files("-n 64", 100);
    let words = "can't accept connections";
    repo.wait_output(DEADLINE, words);
    let request = Request::new("GET", &format!("{url}/repo/base/")).timeout(Duration::from_secs(1));
    assert!(request.send().is_err(), "no file is left for it");
    assert_eq!(repo.output().matches(words).count(), 1, "{}", repo.output());
    drop(polls);
    wait_for(DEADLINE, "it serves again", || {
        let request = Request::new("GET", &format!("{url}/repo/base/"));
        request.send().is_ok_and(|answer| answer.status == 200)
    });
}

/// A client that asks and does not read holds its answer in the Repo's memory, so large answers wait for room.
#[test]
fn large_answers_are_few_at_a_time() {
    let repo = Repo::dev();
    repo.done(&[("POST /api/v1/repo/a", "")]);
    for n in 0..4 {
        repo.done(&[(&format!("POST /api/v1/repo-files/a/f{n}"), &"x".repeat(8 * MIB))]);
    }
    repo.done(&[("PATCH /api/v1/repo/a", r#"{"version":"1"}"#)]);
    let ask = |_| {
        let mut stream = TcpStream::connect(repo.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
            .write_all(b"GET /repo/a/ HTTP/1.1\r\nhost: x\r\naccept: application/x-tar\r\n\r\n")
            .unwrap();
        stream
    };
    let clients: Vec<TcpStream> = (0..12).map(ask).collect();
    let answered = || clients.iter().filter(|client| client.peek(&mut [0]).is_ok()).count();
    // Each has 32 MiB; there is room for twice 64 MiB and a little.
    wait_for(DEADLINE, "the first four", || answered() >= 4);
    let more = poll(Duration::from_secs(1), || (answered() > 4).then(answered));
    assert_eq!(more, None, "answers in memory");
    assert_eq!(repo.get("/repo/base/lib.js").status, 200, "small ones do not wait");
    drop(clients);
    assert_eq!(repo.get("/repo/a/f0").body.len(), 8 * MIB, "there is room again");
}
