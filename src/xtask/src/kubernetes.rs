//! Builds the parts of Kubernetes and etcd (tests/cluster) that tests start a cluster from: one program, a link for each part.
//! Kept outside the repository by the state of its sources, for it takes 8 minutes of CPU. Not for: starting them (the harness
//! does).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Context;

use crate::{console, no_arguments, peers, workspace};

pub(crate) const HELP: &str = "\
Builds etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet and
kubectl as one Go program, with a link for each, and prints the folder. Versions are in
tests/cluster/go.mod. The first time it downloads 190 MB and takes 5 minutes on two cores;
what it built is kept in $XDG_CACHE_HOME/ballast/kubernetes (else ~/.cache/...), one folder
for each state of tests/cluster; those built last are kept, two of them.

Needs Go 1.26 in PATH or /usr/local/go.

Examples:
  cargo xtask kubernetes
";

/// Longest build, downloads included.
const DEADLINE: Duration = Duration::from_secs(2400);

/// The version that the API server tells. Without it it says v0.0.0, and clients wonder.
const VERSION: (&str, &str, &str) = ("v1.34.4", "1", "34");

/// What the program is made from.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "main.go"];

/// The names that the program answers to.
const PARTS: [&str; 7] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
];

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    parts()?;
    console::plain(&folder()?.display().to_string());
    Ok(())
}

/// The folder of the parts: what `BALLAST_KUBERNETES` names.
///
/// # Errors
/// The sources can't be read.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    for name in SOURCES {
        let path = sources().join(name);
        let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        text.hash(&mut hasher);
    }
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let cache = cache.map_or_else(workspace::target, |cache| cache.join("ballast"));
    Ok(cache.join("kubernetes").join(format!("{:016x}", hasher.finish())))
}

/// Folders that are kept: this state's, and one for going back to.
const KEPT: usize = 2;

/// Makes sure that all parts are there and up to date.
///
/// # Errors
/// No Go, or what Go says.
pub(crate) fn parts() -> anyhow::Result<()> {
    let folder = folder()?;
    let program = folder.join("kubernetes");
    if program.is_file() {
        console::say("kubernetes: built already");
    } else {
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        console::say("building the parts of Kubernetes (the first time: 190 MB, 8 minutes of CPU)");
        // Others may build it too: whoever is last puts the same thing in the same place.
        let new = folder.join(format!("kubernetes.{}", std::process::id()));
        build(&new)?;
        std::fs::rename(&new, &program).with_context(|| format!("put {} in its place", program.display()))?;
        forget_old(folder.parent().context("it lies in a folder")?, &folder)?;
    }
    for part in PARTS {
        let link = folder.join(part);
        match symlink("kubernetes", &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("link {}", link.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes folders of old states, `KEPT` less one beside `ours`: of those with a program the newest stay. One without is another
/// process's that builds, or was cut short: it stays as long as a build may take.
fn forget_old(cache: &Path, ours: &Path) -> anyhow::Result<()> {
    let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(cache).with_context(|| format!("read {}", cache.display()))? {
        let folder = entry.with_context(|| format!("read {}", cache.display()))?.path();
        if folder == ours || !is_state(&folder) {
            continue;
        }
        let built = std::fs::metadata(folder.join("kubernetes")).and_then(|data| data.modified());
        match built {
            Ok(time) => others.push((time, folder)),
            Err(_) if is_older(&folder, DEADLINE) => remove(&folder)?,
            Err(_) => {}
        }
    }
    others.sort();
    let too_many = others.len().saturating_sub(KEPT - 1);
    others.iter().take(too_many).try_for_each(|(_, folder)| remove(folder))
}

/// Nothing but folders that [`folder`] names is ours to remove.
fn is_state(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    folder.is_dir() && name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_older(path: &Path, age: Duration) -> bool {
    let changed = std::fs::metadata(path).and_then(|data| data.modified());
    changed.is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed > age))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    console::say(&format!("removing {}, parts of another state", folder.display()));
    match std::fs::remove_dir_all(folder) {
        // Another process removes it too.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("remove {}", folder.display())),
    }
}

fn build(program: &Path) -> anyhow::Result<()> {
    let go = peers::go()?;
    let (version, major, minor) = VERSION;
    let package = "k8s.io/component-base/version";
    let flags =
        format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}");
    let build = || {
        let mut command = Command::new(&go);
        command
            .current_dir(sources())
            .env("CGO_ENABLED", "0")
            .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
            .arg(program)
            .arg(".");
        command
    };
    console::quiet_with_retries("go build of Kubernetes", build, DEADLINE).map(drop)
}

fn sources() -> PathBuf {
    workspace::root().join("tests/cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_old_states_the_newest_stays() {
        let cache = tempfile::tempdir().unwrap();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let make = |name: &str, built: Option<u64>| {
            let folder = cache.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            if let Some(seconds) = built {
                let program = std::fs::File::create(folder.join("kubernetes")).unwrap();
                program.set_modified(at(seconds)).unwrap();
            }
            folder
        };
        // Ours is the oldest, as after going back to a state.
        let ours = make("0000000000000001", Some(100));
        let oldest = make("0000000000000002", Some(200));
        let newest = make("0000000000000003", Some(400));
        let older = make("0000000000000004", Some(300));
        let building = make("0000000000000005", None);
        let broken = make("0000000000000006", None);
        std::fs::File::open(&broken).unwrap().set_modified(at(1)).unwrap();
        let foreign = make("somebody-else's", Some(1));
        forget_old(cache.path(), &ours).unwrap();
        let there = [&ours, &newest, &building, &foreign, &oldest, &older, &broken].map(|folder| folder.exists());
        assert_eq!(there, [true, true, true, true, false, false, false]);
    }
}
