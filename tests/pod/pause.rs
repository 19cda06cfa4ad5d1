//! pause in a sandbox's real conditions, and beside it as a plain process. Not for: the real agent.
//! Sources: issue 3 item 3; pods.md, "Upstream pause, for parity" and the facts at the top.

#![forbid(unsafe_code)]

mod pause_agent;
mod pause_file;
mod pause_plain;
mod pause_reaping;
mod pause_signals;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballast_tests::process::descendants;
use ballast_tests::sandbox::{Sandbox, Spec};
use ballast_tests::{bin, poll, wait_for};

/// Long enough for a busy machine; no test waits that long when all is well.
const SOON: Duration = Duration::from_secs(20);

/// The stand-in for the agent; see its file.
fn stub() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stub-agent"))
}

/// A sandbox with pause, and the stand-in beside it doing `order`.
fn spec(order: &str) -> Spec {
    Spec::new(&bin("pause"))
        .file("ballast", stub(), 0o755)
        .env("STUB", order)
}

/// Waits until an agent runs that is not `before`, and says which.
#[track_caller]
fn agent_after(sandbox: &Sandbox, before: Option<u32>) -> u32 {
    let agent = poll(SOON, || {
        let ready = |id: &u32| name(*id) == "ballast" && Some(*id) != before && field(*id, "SigBlk") != NOTHING;
        descendants(sandbox.init()).into_iter().find(ready)
    });
    agent.unwrap_or_else(|| panic!("no agent came; output: {}", sandbox.output()))
}

/// A mask of /proc/PID/status without a signal in it; the stand-in blocks USR2 once it runs.
const NOTHING: &str = "0000000000000000";

/// Waits until PID 1 has nothing queued and sleeps: it has dealt with all that was sent to it.
#[track_caller]
fn settled(sandbox: &Sandbox) {
    let init = sandbox.init();
    wait_for(SOON, "PID 1 has read its signals and sleeps", || {
        field(init, "State").starts_with('S') && field(init, "SigPnd") == NOTHING && field(init, "ShdPnd") == NOTHING
    });
}

/// Start and end (ns; 0: not yet) of every agent so far, as they wrote it into the snapshot.
fn lives(sandbox: &Sandbox) -> Vec<(u64, u64)> {
    let Some(snapshot) = snapshot(sandbox.init()).and_then(|path| File::open(path).ok()) else {
        return Vec::new();
    };
    let word = |at: u64| {
        let mut bytes = [0; 8];
        snapshot
            .read_exact_at(&mut bytes, 8 * at)
            .expect("the snapshot is long enough");
        u64::from_le_bytes(bytes)
    };
    (0..word(0))
        .map(|life| (word(1 + 2 * life), word(2 + 2 * life)))
        .collect()
}

/// The snapshot memory among a process's descriptors.
fn snapshot(id: u32) -> Option<PathBuf> {
    let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?;
    descriptors.flatten().map(|entry| entry.path()).find(|path| {
        std::fs::read_link(path).is_ok_and(|target| target.to_string_lossy().contains("memfd:ballast-snapshot"))
    })
}

/// A line of /proc/PID/status; empty when the process is gone.
fn field(id: u32, key: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

fn name(id: u32) -> String {
    field(id, "Name")
}

/// Anonymous memory of PID 1 in KiB, at rest: while it starts an agent it has a stack more.
#[track_caller]
fn anonymous_kib(sandbox: &Sandbox) -> u64 {
    settled(sandbox);
    memory_kib(sandbox.init(), "Anonymous")
}

/// A line of /proc/PID/smaps_rollup in KiB.
#[track_caller]
fn memory_kib(id: u32, key: &str) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).expect("the process is there");
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .expect("the kernel counts it")
}
