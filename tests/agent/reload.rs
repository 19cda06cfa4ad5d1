//! Reloads under load: none of them loses a request, all threads switch or none, old versions end and give their memory
//! back. `cargo xtask bench reload` does a thousand. Source: pipyjs/repo.md 1.1.

use std::path::Path;
use std::time::Duration;

use ballast_tests::load::Load;
use ballast_tests::{Process, free_port, poll, temp_dir};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, start};

const RELOADS: usize = 100;

/// A version of the script that answers with its number.
fn write(path: &Path, port: u16, version: usize) {
    let text = format!(
        "pipy({{ _n: {version} }}).listen({port}).demuxHTTP().to($ => $\
         .replaceMessage(() => new Message({{ headers: {{ version: '' + _n }} }}, 'version ' + _n)))"
    );
    std::fs::write(path, text).expect("the temporary folder is writable");
}

/// Reloads of the process so far, by its log.
fn reloads(process: &Process) -> usize {
    process.output().matches("reloaded").count()
}

fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.expect("a process has memory")
}

#[test]
fn a_hundred_reloads_lose_no_request_and_leak_nothing() {
    for threads in ["--threads=1", "--threads=2"] {
        let (folder, port) = (temp_dir(), free_port());
        let path = folder.path().join("main.js");
        write(&path, port, 0);
        let mut process = start(&["run", threads, "--reuse-port", path.to_str().unwrap()]);
        process.wait_output(DEADLINE, "listening on");
        let load = Load::start(port);
        let mut half = 0;
        for n in 1..=RELOADS {
            write(&path, port, n);
            process.signal(Signal::SIGHUP).unwrap();
            let done = poll(DEADLINE, || (reloads(&process) == n).then_some(()));
            assert!(done.is_some(), "reload {n}: {}", process.output());
            if n == RELOADS / 2 {
                half = resident_kib(&process);
            }
        }
        let after = resident_kib(&process);
        let answered = load.finish().unwrap_or_else(|lost| panic!("{threads}: {lost}"));
        assert!(answered > 1000, "{answered}");
        // A leak of a realm a reload would be 50 times some 700 KB.
        assert!(
            after < half + (8 << 10),
            "{threads}: {half} KiB after half of them, {after} at the end"
        );
    }
}

#[test]
fn a_version_that_does_not_load_changes_nothing_on_any_thread() {
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("main.js");
    write(&path, port, 1);
    let mut process = start(&["run", "--threads=2", "--reuse-port", path.to_str().unwrap()]);
    process.wait_output(DEADLINE, "listening on");
    let load = Load::start(port);
    for (n, broken) in [
        "pipy().listen(",
        "pipy().nonsense()",
        "no.such.thing",
        // Fails on the second thread only: neither may switch.
        "(__thread.id === 0 || no.such.thing, pipy().listen(0).dummy())",
    ]
    .iter()
    .enumerate()
    {
        std::fs::write(&path, broken).unwrap();
        process.signal(Signal::SIGHUP).unwrap();
        let failed = || process.output().matches("Failed reloading codebase").count() == n + 1;
        assert!(
            poll(DEADLINE, || failed().then_some(())).is_some(),
            "{broken}: {}",
            process.output()
        );
    }
    let before = load.answered();
    let goes_on = poll(Duration::from_secs(20), || {
        (load.answered() > before + 100).then_some(())
    });
    assert!(goes_on.is_some(), "the old version answers");
    load.finish().unwrap_or_else(|lost| panic!("{lost}"));
}
