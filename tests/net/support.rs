//! Scripts under `ballast run`, and a server behind them that says what it got.

use ballast_tests::{Process, TempDir, bin, poll, process, temp_dir};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Far more than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a script that listens on TCP `port` until this is dropped.
#[track_caller]
pub(crate) fn script(text: &str, port: u16) -> Process {
    let folder = temp_dir();
    let file = folder.path().join("main.js");
    std::fs::write(&file, text).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    let mut process = Process::spawn("ballast", command.arg("run").arg(&file)).expect("it starts");
    wait_port(&mut process, port);
    process.with_folder(folder)
}

/// Starts a program that listens on `port`, with this configuration as `FILE` in its arguments.
#[track_caller]
pub(crate) fn server(name: &str, args: &str, config: &str, port: u16) -> Process {
    let folder: TempDir = temp_dir();
    let file = folder.path().join("config");
    std::fs::write(&file, config).expect("the temporary folder is writable");
    let args = args.replace("FILE", &file.to_string_lossy());
    let mut command = Command::new(name);
    let mut process = Process::spawn(name, command.args(args.split(' '))).expect("it is installed");
    wait_port(&mut process, port);
    process.with_folder(folder)
}

#[track_caller]
fn wait_port(process: &mut Process, port: u16) {
    let local = format!(":{port:04X}");
    let listens = || {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
        table.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1).is_some_and(|address| address.ends_with(&local)) && words.get(3) == Some(&"0A")
        })
    };
    let ready = poll(DEADLINE, || (listens() || !process.is_running()).then(listens));
    assert_eq!(
        ready,
        Some(true),
        "it does not listen on {port}; it said:\n{}",
        process.output()
    );
}

/// Runs a program to its end: whether it succeeded, and what it said.
#[track_caller]
pub(crate) fn run(name: &str, args: &[&str]) -> (bool, String) {
    let (status, output) = process::run(name, Command::new(name).args(args), DEADLINE).expect("it ends");
    (status.success(), output)
}

/// An HTTP server that answers each connection with the first bytes that came, up to an empty line. Ends with the test.
pub(crate) fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let (mut got, mut block) = (Vec::new(), [0; 4096]);
    while !got.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut block) {
            Ok(len) if len > 0 => got.extend_from_slice(&block[..len]),
            _ => break,
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        got.len()
    );
    let _client_gone = stream.write_all(&[head.as_bytes(), &got].concat());
}
