//! What a step needs from the system, as Debian packages: looked for, and installed when we are root.
//! Not for: crates, Maven artifacts (their own tools fetch those).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::console;

/// A need of a step: the file that proves it is there, and the Debian package that brings it.
struct Need {
    group: Group,
    /// A program name looked up in PATH and the sbin folders, or an absolute path.
    proof: &'static str,
    package: &'static str,
}

/// What a step is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Compile Rust with C in it.
    Build,
    /// Build images.
    Images,
    /// Namespaces and real Pods.
    Pods,
    /// A node of a cluster.
    Node,
    /// Java servers.
    Registries,
    /// Peers of the benchmark.
    Bench,
    /// Peers of the tests of protocols.
    Peers,
    /// libFuzzer, which is C++.
    Fuzz,
    /// Compile C for AArch64 on another machine.
    CrossArm64,
    /// Compile C for x86-64 on another machine.
    CrossAmd64,
    /// What a program counted, merged.
    Profile,
}

const NEEDS: &[Need] = &[
    Need {
        group: Group::Profile,
        proof: "llvm-profdata-19",
        package: "llvm-19",
    },
    Need {
        group: Group::Fuzz,
        proof: "c++",
        package: "g++",
    },
    Need {
        group: Group::CrossArm64,
        proof: "aarch64-linux-gnu-gcc",
        package: "gcc-aarch64-linux-gnu",
    },
    Need {
        group: Group::CrossArm64,
        proof: "/usr/aarch64-linux-gnu/include/stdlib.h",
        package: "libc6-dev-arm64-cross",
    },
    Need {
        group: Group::CrossAmd64,
        proof: "x86_64-linux-gnu-gcc",
        package: "gcc-x86-64-linux-gnu",
    },
    Need {
        group: Group::CrossAmd64,
        proof: "/usr/x86_64-linux-gnu/include/stdlib.h",
        package: "libc6-dev-amd64-cross",
    },
    Need {
        group: Group::Build,
        proof: "cc",
        package: "gcc",
    },
    Need {
        group: Group::Build,
        proof: "/usr/include/stdlib.h",
        package: "libc6-dev",
    },
    Need {
        group: Group::Images,
        proof: "buildah",
        package: "buildah",
    },
    Need {
        group: Group::Images,
        proof: "/bin/busybox",
        package: "busybox-static",
    },
    Need {
        group: Group::Pods,
        proof: "unshare",
        package: "util-linux",
    },
    Need {
        group: Group::Pods,
        proof: "ip",
        package: "iproute2",
    },
    Need {
        group: Group::Pods,
        proof: "curl",
        package: "curl",
    },
    Need {
        group: Group::Pods,
        proof: "openssl",
        package: "openssl",
    },
    Need {
        group: Group::Pods,
        proof: "ps",
        package: "procps",
    },
    Need {
        group: Group::Pods,
        proof: "iptables",
        package: "iptables",
    },
    Need {
        group: Group::Pods,
        proof: "nft",
        package: "nftables",
    },
    Need {
        group: Group::Pods,
        proof: "runc",
        package: "runc",
    },
    Need {
        group: Group::Pods,
        proof: "podman",
        package: "podman",
    },
    Need {
        group: Group::Pods,
        proof: "/usr/lib/cni/bridge",
        package: "containernetworking-plugins",
    },
    Need {
        group: Group::Node,
        proof: "containerd",
        package: "containerd",
    },
    Need {
        group: Group::Node,
        proof: "dnsmasq",
        package: "dnsmasq-base",
    },
    Need {
        group: Group::Registries,
        proof: "javac",
        package: "openjdk-17-jdk-headless",
    },
    Need {
        group: Group::Registries,
        proof: "mvn",
        package: "maven",
    },
    Need {
        group: Group::Bench,
        proof: "nginx",
        package: "nginx-light",
    },
    Need {
        group: Group::Bench,
        proof: "haproxy",
        package: "haproxy",
    },
    Need {
        group: Group::Bench,
        proof: "wrk",
        package: "wrk",
    },
    Need {
        group: Group::Bench,
        proof: "h2load",
        package: "nghttp2-client",
    },
    Need {
        group: Group::Peers,
        proof: "curl",
        package: "curl",
    },
    Need {
        group: Group::Peers,
        proof: "dig",
        package: "bind9-dnsutils",
    },
    Need {
        group: Group::Peers,
        proof: "h2load",
        package: "nghttp2-client",
    },
    Need {
        group: Group::Peers,
        proof: "haproxy",
        package: "haproxy",
    },
    Need {
        group: Group::Peers,
        proof: "microsocks",
        package: "microsocks",
    },
    Need {
        group: Group::Peers,
        proof: "openssl",
        package: "openssl",
    },
];

/// A file that keeps Debian's install scripts from starting the services that they bring.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that all of `groups` is there; installs what is not when we are root.
///
/// # Errors
/// Not root (the message is the command to run), or apt-get's failure.
pub(crate) fn ensure(groups: &[Group]) -> anyhow::Result<()> {
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(());
    }
    let words = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "these packages are missing; install them with\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {words}"
        );
    }
    console::say(&format!("installing with apt-get: {words}"));
    let policy = NoServices::new()?;
    console::quiet_with_retries("apt-get update", || apt(&["update"]), Duration::from_secs(300))?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing);
    console::quiet_with_retries("apt-get install", || apt(&install), Duration::from_secs(900))?;
    drop(policy);
    let still = self::missing(groups);
    if !still.is_empty() {
        bail!("installed, but still not found: {}", still.join(" "));
    }
    Ok(())
}

/// Namespaces, mounts and real Pods need root.
///
/// # Errors
/// We are not.
pub(crate) fn ensure_root(what: &str) -> anyhow::Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "{what} makes network namespaces and Pods, which takes root: run it as root (sudo -E env PATH=\"$PATH\" cargo xtask …)"
    )
}

fn missing(groups: &[Group]) -> Vec<&'static str> {
    let needs = NEEDS.iter().filter(|need| groups.contains(&need.group));
    needs
        .filter(|need| !is_there(need.proof))
        .map(|need| need.package)
        .collect()
}

fn is_there(proof: &str) -> bool {
    if proof.starts_with('/') {
        return Path::new(proof).exists();
    }
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|folder| Path::new(folder).join(proof).is_file())
}

fn apt(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "Acquire::Retries=3"])
        .args(words);
    command
}

/// While it lives, installing a server does not start it.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn new() -> anyhow::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let made = !Path::new(POLICY).exists();
        if made {
            // A drop does not run when Ctrl-C ends the process.
            crate::interrupt::remove_file(Path::new(POLICY));
            std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("write {POLICY}"))?;
            std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { made })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            let _gone_already = std::fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_looked_up_in_path_or_as_files() {
        assert!(is_there("sh") && is_there("/bin/sh"));
        assert!(!is_there("no-such-program") && !is_there("/no/such/file"));
    }

    #[test]
    fn every_group_needs_something() {
        for group in [
            Group::Build,
            Group::Images,
            Group::Pods,
            Group::Node,
            Group::Registries,
            Group::Bench,
            Group::Peers,
            Group::CrossArm64,
            Group::CrossAmd64,
        ] {
            assert!(NEEDS.iter().any(|need| need.group == group), "{group:?}");
        }
    }
}
