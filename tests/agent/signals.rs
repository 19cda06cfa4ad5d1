//! Signals to `ballast run`. Source: pipyjs/cli.md section 4, model.md (`task('SIGxxx')`).

use ballast_tests::{free_port, temp_dir};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, answering, start, wait_answer, wait_closed};

#[test]
fn int_and_term_end_gracefully() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let port = free_port();
        let mut process = start(&["run", &answering(port, "x")]);
        wait_answer(&process, port, "x");
        process.signal(signal).unwrap();
        let status = process.wait(DEADLINE).expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}: {}", process.output());
    }
}

#[test]
fn a_second_signal_ends_what_does_not_drain() {
    let port = free_port();
    // A connection that never ends keeps the drain waiting.
    let script = format!("pipy().listen({port}).replaceStreamEnd().replaceData(() => new Data('x'))");
    let mut process = start(&["run", &script]);
    wait_answer(&process, port, "x");
    let held = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    process.signal(Signal::SIGINT).unwrap();
    process.wait_output(DEADLINE, "Shutting down");
    wait_closed(port);
    assert!(process.is_running(), "it drains");
    process.signal(Signal::SIGINT).unwrap();
    assert_eq!(process.wait(DEADLINE).expect("it ends").code(), Some(0));
    drop(held);
}

#[test]
fn hup_reads_the_files_again() {
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("a.js");
    std::fs::write(&path, answering(port, "one")).unwrap();
    let mut process = start(&["run", path.to_str().unwrap()]);
    wait_answer(&process, port, "one");
    std::fs::write(&path, "pipy().broken()").unwrap();
    process.signal(Signal::SIGHUP).unwrap();
    process.wait_output(DEADLINE, "Failed reloading codebase");
    wait_answer(&process, port, "one");
    std::fs::write(&path, answering(port, "two")).unwrap();
    process.signal(Signal::SIGHUP).unwrap();
    wait_answer(&process, port, "two");
}

#[test]
fn a_task_takes_its_signal() {
    let port = free_port();
    let script = format!(
        "pipy().listen({port}).replaceData(() => new Data('x'))\
         .task('SIGTERM').onStart(() => (console.log('heard'), new StreamEnd))"
    );
    let mut process = start(&["run", &script]);
    wait_answer(&process, port, "x");
    process.signal(Signal::SIGTERM).unwrap();
    process.wait_output(DEADLINE, "heard");
    wait_answer(&process, port, "x");
    process.signal(Signal::SIGINT).unwrap();
    assert_eq!(process.wait(DEADLINE).expect("it ends").code(), Some(0));
}
