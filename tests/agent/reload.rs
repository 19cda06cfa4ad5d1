//! Reloads under load: none of them loses a request, all threads switch or none, old versions end and give their memory
//! back. `cargo xtask bench reload` does a thousand. Source: pipyjs/repo.md 1.1.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use ballast_tests::load::Load;
use ballast_tests::{Process, free_port, http, poll, temp_dir};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, asked, start, wait_answer, wait_closed};

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

/// The version that answers on `port`.
fn version(port: u16) -> Option<String> {
    Some(http::get(&format!("http://127.0.0.1:{port}/")).ok()?.text())
}

#[track_caller]
fn wait_version(process: &Process, port: u16, number: usize) {
    let wanted = format!("version {number}");
    let seen = poll(DEADLINE, || (version(port).as_ref() == Some(&wanted)).then_some(()));
    assert!(
        seen.is_some(),
        "{wanted}, not {:?}: {}",
        version(port),
        process.output()
    );
}

#[test]
fn a_storm_of_changes_ends_on_the_last_one() {
    const CHANGES: u32 = 50;
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("main.js");
    write(&path, port, 10);
    let mut process = start(&[
        "run",
        "--threads=2",
        "--reuse-port",
        "--watch-config-file",
        path.to_str().unwrap(),
    ]);
    process.wait_output(DEADLINE, "listening on");
    let load = Load::start(port);
    // Twice: a storm that begins just after a look is one, and one that is under way at a look is another.
    for round in 1..=2 {
        let began = Instant::now();
        let mut number = 0;
        for n in 0..CHANGES {
            let due = Duration::from_secs(1) / CHANGES * n;
            assert!(poll(DEADLINE, || (began.elapsed() >= due).then_some(())).is_some());
            // As many digits each time: the size says nothing.
            number = 100 * round + n as usize;
            write(&path, port, number);
        }
        wait_version(&process, port, number);
    }
    load.finish()
        .unwrap_or_else(|lost| panic!("{lost}: {}", process.output()));
}

#[test]
fn a_change_while_one_is_loading_is_not_lost() {
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("main.js");
    write(&path, port, 1);
    let mut process = start(&["run", "--threads=2", "--reuse-port", path.to_str().unwrap()]);
    process.wait_output(DEADLINE, "listening on");
    let load = Load::start(port);
    // It takes until the file `go` is there.
    let go = folder.path().join("go");
    let slow = format!(
        "((console.log('slow'), pipy.exec(['sh', '-c', 'until test -e {}; do sleep 0.01; done']), \
         pipy({{ _n: 2 }}).listen({port}).demuxHTTP().to($ => $.replaceMessage(() => new Message('version 2')))))",
        go.display()
    );
    std::fs::write(&path, slow).unwrap();
    process.signal(Signal::SIGHUP).unwrap();
    process.wait_output(DEADLINE, "slow");
    write(&path, port, 3);
    for _ in 0..3 {
        process.signal(Signal::SIGHUP).unwrap();
    }
    std::fs::write(&go, "").unwrap();
    wait_version(&process, port, 3);
    // A version answers before the log says so.
    let told = poll(DEADLINE, || (reloads(&process) >= 2).then_some(()));
    assert!(told.is_some(), "{}", process.output());
    load.finish()
        .unwrap_or_else(|lost| panic!("{lost}: {}", process.output()));
    assert_eq!(version(port).as_deref(), Some("version 3"), "and stays there");
}

#[test]
fn one_thread_that_fails_keeps_all_on_the_old_version() {
    let (folder, port, admin) = (temp_dir(), free_port(), free_port());
    let path = folder.path().join("main.js");
    write(&path, port, 1);
    let mut process = start(&[
        "run",
        "--threads=3",
        "--reuse-port",
        &format!("--admin-port=127.0.0.1:{admin}"),
        path.to_str().unwrap(),
    ]);
    process.wait_output(DEADLINE, "listening on");
    let realms = || {
        let text = http::get(&format!("http://127.0.0.1:{admin}/metrics")).ok()?.text();
        let line = text.lines().find(|line| line.starts_with("ballast_realm_count "))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    assert!(poll(DEADLINE, || (realms() == Some(3.0)).then_some(())).is_some());
    for (n, thread) in [0, 1, 2].into_iter().enumerate() {
        let text = format!(
            "if (pipy.thread.id === {thread}) throw new Error('not on thread {thread}')\n\
             pipy.listen({port}, $ => $.serveHTTP(() => new Message('version 2')))\n"
        );
        std::fs::write(&path, text).unwrap();
        process.signal(Signal::SIGHUP).unwrap();
        let failed = || process.output().matches("Failed reloading codebase").count() == n + 1;
        assert!(
            poll(DEADLINE, || failed().then_some(())).is_some(),
            "{}",
            process.output()
        );
        assert!(process.output().contains(&format!("not on thread {thread}")));
        // The kernel gives connections to all threads: each of them must be on the old version.
        for _ in 0..60 {
            assert_eq!(version(port).as_deref(), Some("version 1"), "{}", process.output());
        }
        assert_eq!(realms(), Some(3.0), "what was loaded elsewhere is freed");
    }
    // And the next good one goes everywhere.
    write(&path, port, 5);
    process.signal(Signal::SIGHUP).unwrap();
    assert!(poll(DEADLINE, || (reloads(&process) == 1).then_some(())).is_some());
    for _ in 0..60 {
        assert_eq!(version(port).as_deref(), Some("version 5"), "{}", process.output());
    }
}

/// repo.md 1.1: a port in both versions keeps its socket, others are closed or opened; one that cannot be opened is logged and
/// does not undo the reload; live connections go on with the old version.
#[test]
fn ports_move_between_versions() {
    let folder = temp_dir();
    let path = folder.path().join("main.js");
    let (stays, goes, comes, late) = (free_port(), free_port(), free_port(), free_port());
    let write = |word: &str, ports: &[u16], later: Option<u16>| {
        let listen =
            |port: &u16| format!("pipy.listen({port}, $ => $.replaceData(d => d.size ? new Data('{word}') : null))\n");
        let mut text: String = ports.iter().map(listen).collect();
        if let Some(port) = later {
            let later = listen(&port);
            text.push_str(&format!("new Timeout(0.01).wait().then(() => {{ {later} }})\n"));
        }
        std::fs::write(&path, text).unwrap();
    };
    write("one", &[stays, goes], Some(late));
    let process = start(&["run", "--threads=2", "--reuse-port", path.to_str().unwrap()]);
    for port in [stays, goes, late] {
        wait_answer(&process, port, "one");
    }
    let mut held = TcpStream::connect(("127.0.0.1", goes)).unwrap();
    held.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut ask_held = || {
        held.write_all(b"?").unwrap();
        let mut answer = [0; 3];
        held.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(ask_held(), "one");
    // The new one is somebody else's.
    let taken = TcpListener::bind(("0.0.0.0", comes)).unwrap();
    write("two", &[stays, comes], None);
    process.signal(Signal::SIGHUP).unwrap();
    wait_answer(&process, stays, "two");
    wait_closed(goes);
    wait_closed(late);
    assert_eq!(ask_held(), "one", "a connection keeps its version");
    assert!(
        process.output().contains(&format!("{comes}")),
        "it is told: {}",
        process.output()
    );
    assert!(!process.output().contains("Failed reloading"), "{}", process.output());
    drop(taken);
    // Another one makes up for it, takes back what went, and what was opened while loading is opened later.
    write("six", &[goes, comes], Some(stays));
    process.signal(Signal::SIGHUP).unwrap();
    for port in [goes, comes, stays] {
        wait_answer(&process, port, "six");
    }
    assert_eq!(asked(late), None);
    assert_eq!(ask_held(), "one");
    // Nothing is listened on: what is left is a connection of the first version.
    write("end", &[comes], None);
    process.signal(Signal::SIGHUP).unwrap();
    wait_answer(&process, comes, "end");
    for port in [goes, stays] {
        wait_closed(port);
    }
    assert_eq!(ask_held(), "one");
}
