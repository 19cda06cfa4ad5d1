//! A log that nobody reads, and one that peers write into: pipyjs/cli.md section 5.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use ballast_tests::{bin, free_port, http, wait_for};

use crate::support::{DEADLINE, start};

/// More than a pipe holds.
const REQUESTS: usize = 100;

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let port = free_port();
    let script = format!(
        "pipy().listen('127.0.0.1:{port}').demuxHTTP().to($ => $.replaceMessage(
            () => (console.log('x'.repeat(2000)), new Message('here'))))"
    );
    let mut process = Command::new(bin("ballast"))
        .args(["run", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let url = format!("http://127.0.0.1:{port}/");
    wait_for(DEADLINE, "it listens", || http::get(&url).is_ok());
    let answers: Vec<String> = (0..REQUESTS)
        .map_while(|_| http::get(&url).ok().map(|answer| answer.text()))
        .collect();
    // Somebody reads again: the next line says what is missing.
    let stderr = process.stderr.take().expect("a pipe");
    let (send, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            send.send(line).ok();
        }
    });
    let is_told = || {
        http::get(&url).ok();
        lines
            .try_iter()
            .any(|line| line.contains("lines of the log were dropped"))
    };
    let told = answers.len() == REQUESTS && ballast_tests::poll(DEADLINE, || is_told().then_some(())).is_some();
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    assert_eq!(answers, ["here"; REQUESTS]);
    assert!(told, "nobody is told of what was dropped");
}

#[test]
fn peers_do_not_write_lines_of_the_log() {
    let port = free_port();
    let script = format!(
        "pipy().listen('127.0.0.1:{port}').replaceData(d => d.size == 0 ? d : (
            console.log('said', d.toString()),
            console.error(new Error(d.toString()).message),
            new Data('logged')))"
    );
    let process = start(&["run", &script]);
    let forged = "a\u{1b}[2Jb\r\n2026-01-01 00:00:00.000 [INF] forged";
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).or_else(|_| {
        wait_for(DEADLINE, "it listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        std::net::TcpStream::connect(("127.0.0.1", port))
    });
    let stream = stream.as_mut().expect("it listens");
    std::io::Write::write_all(stream, forged.as_bytes()).expect("it reads");
    std::io::Read::read_exact(stream, &mut [0; 6]).expect("it answers");
    wait_for(DEADLINE, "it is logged", || process.output().contains("forged"));
    let output = process.output();
    assert!(!output.contains('\u{1b}'), "{output:?}");
    assert!(output.contains("\\u{1b}[2Jb"), "{output:?}");
    assert!(
        !output.lines().any(|line| line.starts_with("2026-01-01 00:00:00.000")),
        "{output}"
    );
}
