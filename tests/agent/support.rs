//! Starting `ballast`, and asking what its scripts answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use ballast_tests::{Process, bin, poll, wait_for};

/// Far more than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// `ballast ARGS`, not started.
pub(crate) fn ballast(args: &[&str]) -> Command {
    let mut command = Command::new(bin("ballast"));
    command.args(args);
    command
}

/// Runs `ballast ARGS` to its end: exit code and output.
#[track_caller]
pub(crate) fn ends(args: &[&str]) -> (Option<i32>, String) {
    let (status, output) = ballast_tests::process::run("ballast", &mut ballast(args), DEADLINE).expect("it ends");
    (status.code(), output)
}

/// Starts `ballast ARGS`.
#[track_caller]
pub(crate) fn start(args: &[&str]) -> Process {
    Process::spawn("ballast", &mut ballast(args)).expect("it starts")
}

/// A script that answers every connection on `port` with `word`.
pub(crate) fn answering(port: u16, word: &str) -> String {
    format!("pipy().listen({port}).replaceData(() => new Data('{word}'))")
}

/// What the server on `port` answers first; None: nobody listens, or it closes.
pub(crate) fn asked(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(b"?").ok()?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// Waits until the server on `port` answers with `word`.
#[track_caller]
pub(crate) fn wait_answer(process: &Process, port: u16, word: &str) {
    let seen = poll(DEADLINE, || (asked(port).as_deref() == Some(word)).then_some(()));
    assert!(
        seen.is_some(),
        "no {word:?} on port {port}; it said:\n{}",
        process.output()
    );
}

/// Waits until nobody listens on `port`.
#[track_caller]
pub(crate) fn wait_closed(port: u16) {
    wait_for(DEADLINE, "the port is closed", || {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
}
