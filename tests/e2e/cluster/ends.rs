//! `cargo xtask cluster` ended from outside: Ctrl-C takes all with it, and what a kill leaves the next start removes.

use std::process::Command;
use std::time::Duration;

use ballast_tests::{Process, node, wait_for};
use nix::sys::signal::Signal;

use crate::before::{Before, left_of};

/// Longest start and end on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn a_cluster_that_is_interrupted_leaves_nothing() {
    let (before, mut cluster) = started();
    let id = cluster.id();
    assert!(!left_of(id).is_empty(), "it would not be seen");
    cluster.signal(Signal::SIGINT).expect("it runs");
    let status = cluster.wait(DEADLINE);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", cluster.output());
    assert_eq!(left_of(id), [""; 0]);
    before.assert_same();
}

pub(crate) fn what_a_killed_cluster_left_is_swept() {
    let (before, mut cluster) = started();
    let id = cluster.id();
    cluster.signal(Signal::SIGKILL).expect("it runs");
    cluster.wait(DEADLINE).expect("it is dead");
    // Its namespaces end by themselves; then cgroups can be removed.
    wait_for(DEADLINE, "a sweep to remove all", || {
        node::sweep();
        left_of(id).is_empty()
    });
    before.assert_same();
}

fn started() -> (Before, Process) {
    let before = Before::look();
    let xtask = std::env::var_os("BALLAST_XTASK").expect("BALLAST_XTASK is not set; run `cargo xtask test`");
    let mut command = Command::new(xtask);
    command.args(["cluster", "--bare", "--no-build"]);
    let mut cluster = Process::spawn("xtask cluster", &mut command).expect("it starts");
    cluster.wait_output(DEADLINE, "The cluster runs until Ctrl-C");
    (before, cluster)
}
