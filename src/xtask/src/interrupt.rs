//! Nothing stays behind: this process adopts whatever its children leave, and kills it at the end, also on Ctrl-C and
//! SIGTERM. Folders and cgroups that a step made are registered here and removed with it.
//! Not for: mounts and networks; those live in namespaces that end with their processes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ballast_tests::TempDir;
use ballast_tests::process::{descendants, kill_tree};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

/// What is removed once no process of ours is left.
static LEFTOVERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Is a signal what ends the step as it should?
static IS_EXPECTED: AtomicBool = AtomicBool::new(false);

/// Where the kernel shows cgroups, both versions.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Starts to watch for INT, TERM and HUP. By handlers, for a blocked signal would be blocked in all children too.
pub(crate) fn watch() {
    set_child_subreaper(true).expect("Linux has had it since 3.4");
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).expect("these three may be handled");
    std::thread::spawn(move || {
        let name = signals.forever().next().and_then(signal_name).unwrap_or("a signal");
        crate::console::plain(&format!("stopped by {name}: ending all that was started"));
        sweep();
        std::process::exit(i32::from(!IS_EXPECTED.load(Ordering::Acquire)));
    });
}

/// Never returns: from here on a signal is how the step ends, with exit code 0.
///
/// # Errors
/// None; it has the shape of a step's last line.
pub(crate) fn wait_for_the_end() -> anyhow::Result<()> {
    IS_EXPECTED.store(true, Ordering::Release);
    loop {
        std::thread::park();
    }
}

/// A temporary folder that is removed when the step ends, however it does.
pub(crate) fn work_folder() -> TempDir {
    let folder = ballast_tests::temp_dir();
    LEFTOVERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(folder.path().to_owned());
    folder
}

/// Registers a file to be removed when the step ends.
pub(crate) fn remove_file(path: &Path) {
    let mut leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    leftovers.push(path.to_owned());
}

/// Registers a cgroup (`/name`) to be removed in every hierarchy when the step ends.
pub(crate) fn remove_cgroup(name: &str) {
    let name = name.trim_start_matches('/');
    let mut leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    leftovers.push(Path::new(CGROUPS).join(name));
    for hierarchy in std::fs::read_dir(CGROUPS).into_iter().flatten().flatten() {
        leftovers.push(hierarchy.path().join(name));
    }
}

/// Ends all processes below this one and removes what was registered.
pub(crate) fn sweep() {
    let me = std::process::id();
    ballast_tests::poll(Duration::from_secs(10), || {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        let left = descendants(me);
        left.iter().for_each(|id| kill_tree(*id));
        left.is_empty().then_some(())
    });
    for path in LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        if path.starts_with(CGROUPS) {
            remove_cgroup_tree(&path);
        } else if path.is_dir() {
            let _gone_already = std::fs::remove_dir_all(&path);
        } else {
            let _gone_already = std::fs::remove_file(&path);
        }
    }
    ballast_tests::node::remove_own();
}

/// A cgroup folder can only be removed by rmdir, children first; its files are the kernel's.
fn remove_cgroup_tree(path: &Path) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup_tree(&entry.path());
        }
    }
    let _absent = std::fs::remove_dir(path);
}
