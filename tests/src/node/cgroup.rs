//! What a node can't have in a namespace: its cgroups, and folders on the disk. Both carry our process id in their names, so the
//! next start removes what a killed process left. Not for: limits; the kubelet sets those below.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::poll;

const PREFIX: &str = "ballast-node-";

/// A cgroup in every hierarchy, removed on drop with all below it once its processes are gone.
pub(super) struct Cgroup {
    name: String,
}

impl Cgroup {
    /// Makes it, empty.
    ///
    /// # Errors
    /// Not root, or a hierarchy is read-only.
    pub(super) fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let cgroup = Self {
            name: format!("{PREFIX}{}-{count}", std::process::id()),
        };
        for hierarchy in hierarchies() {
            let folder = hierarchy.join(&cgroup.name);
            fs::create_dir(&folder)?;
            // A new cpuset is empty, and no process can be put into an empty one.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(text) = fs::read(hierarchy.join(file)) {
                    fs::write(folder.join(file), text)?;
                }
            }
        }
        Ok(cgroup)
    }

    /// Its name in every hierarchy.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Processes that were just killed may still be on their way out.
        poll(Duration::from_secs(10), || remove(&self.name).then_some(()));
    }
}

/// A folder on the disk that the next start removes if we can't.
///
/// # Panics
/// It can't be made.
#[track_caller]
pub(super) fn work_folder() -> TempDir {
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir()
        .expect("the temporary folder is writable")
}

/// Removes cgroups and folders of processes that are gone; every start does.
pub fn sweep() {
    sweep_of(|owner| !Path::new("/proc").join(owner.to_string()).exists());
}

/// Removes those of this very process, for one that ends without dropping its nodes. All that it started must be gone.
pub fn remove_own() {
    sweep_of(|owner| owner == std::process::id());
}

fn sweep_of(is_over: impl Fn(u32) -> bool) {
    let is_left = |name: &str| {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        owner.and_then(|owner| owner.parse().ok()).is_some_and(&is_over)
    };
    for folder in names_in(&std::env::temp_dir()) {
        if is_left(&folder) {
            let _in_use = fs::remove_dir_all(std::env::temp_dir().join(folder));
        }
    }
    for hierarchy in hierarchies() {
        for cgroup in names_in(&hierarchy) {
            if is_left(&cgroup) {
                let folder = hierarchy.join(cgroup);
                poll(Duration::from_secs(5), || remove_tree(&folder).then_some(()));
            }
        }
    }
}

/// Where cgroups are mounted, both versions.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields
        .filter(|fields| matches!(fields.get(2), Some(&("cgroup" | "cgroup2"))))
        .filter_map(|fields| fields.get(1).map(PathBuf::from))
        .collect()
}

fn remove(name: &str) -> bool {
    let folders = hierarchies().into_iter().map(|hierarchy| hierarchy.join(name));
    // All of them, not only up to the first that is in use.
    folders.filter(|folder| !remove_tree(folder)).count() == 0
}

/// Removes by rmdir, children first: the files are the kernel's. Is it gone?
fn remove_tree(folder: &Path) -> bool {
    for child in fs::read_dir(folder).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&child.path());
        }
    }
    let _in_use = fs::remove_dir(folder);
    !folder.exists()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
