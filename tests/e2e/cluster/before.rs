//! The machine as it was before a node was started on it: settings, mounts, interfaces, cgroups and folders that a kubelet,
//! containerd and CNI plugins change where nothing keeps them from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ballast_tests::poll;

/// What the kubelet writes: settings of the whole kernel.
const SYSCTLS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "net/ipv4/ip_forward",
];
/// Folders where parts of a node leave things, whatever they are told.
const FOLDERS: [&str; 11] = [
    "/etc/cni/net.d",
    "/run",
    "/run/containerd",
    "/run/netns",
    "/sys/class/net",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
    "/usr/libexec/kubernetes",
];
/// How everything that a node makes on the disk and in cgroups is called.
const PREFIX: &str = "ballast-node-";

/// What was seen, by where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Before(BTreeMap<String, String>);

impl Before {
    pub(crate) fn look() -> Self {
        let mut seen = BTreeMap::new();
        for name in SYSCTLS {
            let path = format!("/proc/sys/{name}");
            let value = fs::read_to_string(&path).unwrap_or_default();
            seen.insert(path, value);
        }
        for folder in FOLDERS {
            seen.insert(folder.to_owned(), names(Path::new(folder), "").join(" "));
        }
        let ours = |text: &str| {
            let lines = text.lines().filter(|line| line.contains(PREFIX));
            lines.collect::<Vec<_>>().join("\n")
        };
        let us = format!("{PREFIX}{}-", std::process::id());
        let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
        seen.insert("mounts".to_owned(), ours(&mounts));
        seen.insert("processes".to_owned(), command_lines(&us));
        for hierarchy in names(Path::new("/sys/fs/cgroup"), "") {
            let folder = Path::new("/sys/fs/cgroup").join(&hierarchy);
            seen.insert(folder.display().to_string(), names(&folder, &us).join(" "));
        }
        let temporary = std::env::temp_dir();
        seen.insert(temporary.display().to_string(), names(&temporary, &us).join(" "));
        Self(seen)
    }

    /// What was made is undone: at once, but for processes that were just killed.
    #[track_caller]
    pub(crate) fn assert_same(&self) {
        poll(Duration::from_secs(10), || (*self == Self::look()).then_some(()));
        assert_eq!(*self, Self::look());
    }
}

/// What of a process's nodes is still there: processes, cgroups, folders.
pub(crate) fn left_of(process: u32) -> Vec<String> {
    let prefix = format!("{PREFIX}{process}-");
    let mut left: Vec<String> = command_lines(&prefix).lines().map(str::to_owned).collect();
    let hierarchies = names(Path::new("/sys/fs/cgroup"), "");
    let hierarchies = hierarchies.iter().map(|name| Path::new("/sys/fs/cgroup").join(name));
    for folder in hierarchies.chain([std::env::temp_dir(), "/sys/fs/cgroup".into()]) {
        left.extend(names(&folder, &prefix));
    }
    left
}

fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// Command lines that name something that begins so.
fn command_lines(prefix: &str) -> String {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines
        .filter(|line| line.contains(prefix))
        .collect::<Vec<_>>()
        .join("\n")
}
