//! `cargo xtask demo`, as a user runs it: what is demanded of it, and that nothing of it stays behind.
//! Needs `BALLAST_XTASK` and all that it builds (`cargo xtask test` gives both).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ballast_tests::process::run;
use ballast_tests::{Process, temp_dir, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Longest demo on a busy machine; everything is built before.
const DEADLINE: Duration = Duration::from_secs(400);

/// One demo at a time: the first test measures.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn pods_register_follow_their_probe_and_leave_in_time() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let json = temp_dir();
    let json = json.path().join("proof.json");
    let (status, output) = run("demo", demo().arg("--json").arg(&json), DEADLINE).unwrap();
    assert!(status.success(), "{status}\n{output}");
    let proof: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    // Longest time in seconds. Probes: every second, one success, two failures; reaction one second; drain two.
    for (key, times, bound) in [
        ("registered", 2, 1.0 + 1.0),
        ("listed", 1, 60.0),
        ("called", 2, 60.0),
        ("down", 1, 2.0 + 1.0),
        ("not-called", 1, 60.0),
        ("up", 1, 1.0 + 1.0),
        ("called-again", 1, 60.0),
        ("restarted", 1, 1.0),
        ("still-up", 1, 5.0 + 1.0),
        ("out-of-service", 1, 1.0),
        ("gone", 1, 1.0 + 2.0),
        ("stopped", 1, 1.0 + 2.0),
    ] {
        let lines: Vec<&Value> = proof["proofs"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["key"] == key)
            .collect();
        assert_eq!(lines.len(), times, "{key}: {output}");
        for line in lines {
            let seconds = line["seconds"].as_f64().unwrap_or(f64::INFINITY);
            assert!(
                seconds <= bound,
                "{key} took {seconds} s, at most {bound} s allowed: {line}"
            );
        }
    }
    assert_nothing_left(&folder_of(&output));
}

#[test]
fn an_interrupted_demo_leaves_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut process = Process::spawn("demo", &mut demo()).unwrap();
    process.wait_output(Duration::from_secs(60), "starting Eureka");
    process.signal(Signal::SIGINT).unwrap();
    let status = process
        .wait(Duration::from_secs(30))
        .unwrap_or_else(|| panic!("goes on: {}", process.output()));
    assert_eq!(status.code(), Some(1), "{}", process.output());
    assert_nothing_left(&folder_of(&process.output()));
}

fn demo() -> Command {
    let xtask = std::env::var_os("BALLAST_XTASK").expect("BALLAST_XTASK is not set; run `cargo xtask test`");
    let mut command = Command::new(xtask);
    command.args(["demo", "--no-build"]);
    command
}

/// The demo says where its files are; all that belongs to it is named after that folder.
fn folder_of(output: &str) -> PathBuf {
    let folder = output.lines().find_map(|line| line.split_once("its files in "));
    PathBuf::from(folder.unwrap_or_else(|| panic!("names no folder: {output}")).1)
}

#[track_caller]
fn assert_nothing_left(folder: &Path) {
    let name = folder.to_str().expect("the temporary folder is UTF-8");
    wait_for(Duration::from_secs(10), "all processes of the demo are gone", || {
        processes_naming(name).is_empty()
    });
    assert!(!folder.exists(), "{name} is still there");
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    assert!(!mounts.contains(name), "still mounted: {mounts}");
    let bridge = Path::new("/sys/class/net/pods0");
    assert!(!bridge.exists(), "the Pods' bridge is on the real machine");
}

/// Command lines that name `folder`.
fn processes_naming(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}
