//! Builds the parts of Kubernetes and etcd (tests/cluster) that tests start a cluster from: one program, a link for each part.
//! Kept outside the repository by the state of its sources, for it takes 8 minutes of CPU. Not for: starting them (the harness
//! does).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::{console, no_arguments, peers, workspace};

pub(crate) const HELP: &str = "\
Builds etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet and
kubectl as one Go program, with a link for each, and prints the folder. Versions are in
tests/cluster/go.mod. The first time it downloads 190 MB and takes 5 minutes on two cores;
what it built is kept in $XDG_CACHE_HOME/ballast/kubernetes (else ~/.cache/...), one folder
for each state of tests/cluster.

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
