//! The harness of the black-box tests: finds our binaries, starts and stops them, speaks HTTP to them, gives them a
//! network of their own, compares what they say with files. Not for: knowledge of any part of the product; it links none
//! of our crates, so that what a test sees is what a user sees.
//!
//! - [`bin`]: a binary of ours, in the folder named by `BALLAST_BIN` (`cargo xtask test` builds it and sets it)
//! - [`Process`]: a child that is killed on drop, with all it started, and whose output is kept
//! - [`http`]: a small HTTP/1.1 client
//! - [`load`]: a load that counts what is answered, and tells what is lost
//! - [`Netns`]: a network namespace (or a whole private machine view) that ends with the test
//! - [`registries`]: the real registries that Maven built, started with little memory
//! - [`control_plane`]: a real API server with etcd, for what watches Kubernetes
//! - [`node`]: a whole cluster of one node, real Pods with our image as their sandbox
//! - [`Forward`]: a port of loopback that leads into a namespace
//! - [`suite`]: cases that share what is dear to start
//! - [`free_port`]: a port of loopback that no other test gets
//! - [`golden`]: compare with a file, `UPDATE_EXPECT=1` writes it
//! - [`wait_for`], [`poll`]: the only ways to wait: for a condition, with a deadline

#![forbid(unsafe_code)]

pub mod control_plane;
pub mod forward;
pub mod golden;
pub mod http;
pub mod load;
pub mod netns;
pub mod node;
mod ports;
pub mod process;
pub mod registries;
pub mod repo;
pub mod sandbox;
pub mod server;
pub mod suite;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use forward::Forward;
pub use netns::Netns;
pub use ports::free_port;
pub use process::Process;
pub use tempfile::TempDir;

/// What [`use_kubernetes`] said.
static KUBERNETES: OnceLock<PathBuf> = OnceLock::new();

/// Time between two looks at a condition.
const POLL: Duration = Duration::from_millis(5);

/// The path of our binary `name` (`pause`, `ballast`, `ballast-repo`).
///
/// # Panics
/// When `BALLAST_BIN` is not set or holds no such file: a test that can't run fails, it is never skipped.
#[track_caller]
pub fn bin(name: &str) -> PathBuf {
    let folder = std::env::var_os("BALLAST_BIN").unwrap_or_else(|| {
        panic!("BALLAST_BIN is not set, so {name} can't be found; run `cargo xtask test`, or build and set it by hand")
    });
    let path = Path::new(&folder).join(name);
    assert!(
        path.is_file(),
        "{} is not there; run `cargo xtask build`",
        path.display()
    );
    path
}

/// The path of a peer that `cargo xtask peers` built.
///
/// # Panics
/// When `BALLAST_PEERS` is not set or holds no such file: a test that can't run fails, it is never skipped.
#[track_caller]
pub fn peer(name: &str) -> PathBuf {
    let folder = std::env::var_os("BALLAST_PEERS")
        .unwrap_or_else(|| panic!("BALLAST_PEERS is not set, so {name} can't be found; run `cargo xtask test`"));
    let path = Path::new(&folder).join(name);
    assert!(
        path.is_file(),
        "{} is not there; run `cargo xtask peers`",
        path.display()
    );
    path
}

/// The path of a part of Kubernetes that `cargo xtask kubernetes` built.
///
/// # Panics
/// When `BALLAST_KUBERNETES` is not set or holds no such file: a test that can't run fails, it is never skipped.
#[track_caller]
pub fn kubernetes(part: &str) -> PathBuf {
    let told = KUBERNETES.get().cloned();
    let folder = told.or_else(|| std::env::var_os("BALLAST_KUBERNETES").map(PathBuf::from));
    let folder = folder
        .unwrap_or_else(|| panic!("BALLAST_KUBERNETES is not set, so {part} can't be found; run `cargo xtask test`"));
    let path = folder.join(part);
    assert!(
        path.is_file(),
        "{} is not there; run `cargo xtask kubernetes`",
        path.display()
    );
    path
}

/// Says where the parts of Kubernetes are, for a program that has built them itself.
pub fn use_kubernetes(folder: &Path) {
    KUBERNETES.get_or_init(|| folder.to_owned());
}

/// A file of the repository, by its path from the root: `repo_path("scripts/base/main.js")`.
pub fn repo_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .join(relative)
}

/// A folder under the system's temporary folder, removed on drop.
///
/// # Panics
/// When it can't be made.
#[track_caller]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("ballast-")
        .tempdir()
        .expect("the temporary folder is writable")
}

/// Waits until `cond` is true and returns how long that took.
///
/// # Panics
/// When it is still false at the deadline; the message names `what`.
#[track_caller]
pub fn wait_for(deadline: Duration, what: &str, mut cond: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    match poll(deadline, || cond().then_some(())) {
        Some(()) => start.elapsed(),
        None => panic!("waited {deadline:?} for: {what}"),
    }
}

/// Asks `probe` until it gives something; `None` when it has not by the deadline. It is asked at least once.
pub fn poll<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_asks_at_least_once_and_stops_at_the_deadline() {
        assert_eq!(poll(Duration::ZERO, || Some(1)), Some(1));
        let mut asked = 0;
        let none: Option<()> = poll(Duration::from_millis(20), || {
            asked += 1;
            None
        });
        assert!(none.is_none() && asked > 1);
    }

    #[test]
    #[allow(
        clippy::redundant_closure_for_method_calls,
        reason = "the closure names the type of the payload"
    )]
    fn wait_for_names_what_it_waited_for() {
        let panic = std::panic::catch_unwind(|| wait_for(Duration::from_millis(1), "the moon", || false)).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("the moon"));
    }
}
