//! The binaries as they are shipped: static, stripped, in one folder. Not for: debug builds (plain cargo makes those).

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::arch::Arch;
use crate::{console, profile, workspace};

pub(crate) const HELP: &str = "\
Builds pause (profile tiny), ballast and ballast-repo (profile release) and
ballast-controller (profile control) as static binaries and puts them into target/bin,
where tests and images take them from. For amd64 ballast goes by a profile of what is hot
(cargo xtask profile).

Options:
  --arch ARCH   amd64 or arm64 (this machine's): those of another go into target/bin-ARCH

Examples:
  cargo xtask build
  cargo xtask build --arch arm64
  target/bin/ballast run demo/01-eureka/static/main.js
";

/// Packages that are built together, with which profile and flags.
type Build = (&'static [&'static str], &'static str, &'static str);

/// All that is built. `pause` and `ballast` are mapped once a Pod: a static, non-relocatable file
/// has no relocations to apply, so none of its pages becomes private (for `ballast` 272 KB a Pod). A panic aborts, so nobody
/// walks a stack: no tables for it, neither from Rust nor from C; those of libraries go when `ballast` is linked (its build.rs).
const BUILDS: &[Build] = &[
    (
        &["pause"],
        "tiny",
        "-C target-feature=+crt-static -C relocation-model=static",
    ),
    (
        &["ballast", "ballast-repo"],
        "release",
        "-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no",
    ),
    // Runs for a moment before each Pod of a proxy, and on nodes as a CNI plugin.
    (&["ballast-init"], "tiny", "-C target-feature=+crt-static"),
    // By itself: what it asks of shared crates is nothing that the agent should carry.
    (&["ballast-controller"], "control", "-C target-feature=+crt-static"),
];

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut arch = Arch::HOST;
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("arch") => arch = Arch::parse(&parser.value()?.to_string_lossy())?,
            other => return Err(other.unexpected().into()),
        }
    }
    binaries_for(arch)
}

/// Builds all binaries of this machine into target/bin.
///
/// # Errors
/// Prerequisites or cargo's.
pub(crate) fn binaries() -> anyhow::Result<()> {
    binaries_for(Arch::HOST)
}

/// Builds all binaries for a kind of machine into its folder.
///
/// # Errors
/// Prerequisites or cargo's.
pub(crate) fn binaries_for(arch: Arch) -> anyhow::Result<()> {
    build(BUILDS, arch)
}

/// Builds those of this machine that the demo starts: the controller would drag in all of kube.
///
/// # Errors
/// As [`binaries`].
pub(crate) fn of_the_demo() -> anyhow::Result<()> {
    let builds: Vec<Build> = BUILDS.iter().copied().filter(is_of_the_demo).collect();
    build(&builds, Arch::HOST)
}

fn is_of_the_demo((packages, ..): &Build) -> bool {
    ["pause", "ballast", "ballast-repo"]
        .iter()
        .any(|name| packages.contains(name))
}

fn build(builds: &[Build], arch: Arch) -> anyhow::Result<()> {
    arch.ensure()?;
    let folder = arch.bin();
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for (packages, profile, flags) in builds {
        let more = match packages.contains(&"ballast") {
            true => profile::flags(arch)?,
            false => Vec::new(),
        };
        let mut cargo = cargo(&(*packages, *profile, *flags), &more, arch);
        console::show(
            &format!("building {} ({profile}, static, {})", packages.join(", "), arch.name()),
            &mut cargo,
        )?;
        for package in *packages {
            install(
                &workspace::target().join(arch.triple()).join(profile).join(package),
                &folder.join(package),
            )?;
        }
    }
    Ok(())
}

/// Builds `ballast` with counters into `folder`; what they count goes to `raw`. All else is as in the build that goes by it, even what
/// is built together, for names of functions follow from that.
///
/// # Errors
/// Prerequisites or cargo's.
pub(crate) fn with_counters(folder: &Path, raw: &Path) -> anyhow::Result<()> {
    let row = BUILDS.iter().find(|(packages, ..)| packages.contains(&"ballast"));
    let row = row.expect("the table has the agent");
    let mut cargo = cargo(row, &profile::counting(raw), Arch::Amd64);
    console::show("building ballast with counters", cargo.args(["--bin", "ballast"]))?;
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let built = workspace::target()
        .join(Arch::Amd64.triple())
        .join(row.1)
        .join("ballast");
    install(&built, &folder.join("ballast"))
}

/// The build of a row with further flags of rustc.
fn cargo((packages, profile, flags): &Build, more: &[String], arch: Arch) -> Command {
    let mut cargo = workspace::cargo(&["build", "--locked", "--profile", profile, "--target", arch.triple()]);
    arch.tools(&mut cargo);
    for package in *packages {
        cargo.args(["--package", package]);
    }
    // Flags from outside would undo crt-static. A path among ours may have blanks.
    let all: Vec<&str> = flags.split(' ').chain(more.iter().map(String::as_str)).collect();
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", all.join("\x1f"))
        .env_remove("RUSTFLAGS");
    cargo.env("CFLAGS", "-fno-asynchronous-unwind-tables -fno-unwind-tables");
    cargo
}

/// Replaces `to` by a copy of `from`, at once: a running old one keeps its file.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    let new = to.with_extension("new");
    std::fs::copy(from, &new).with_context(|| format!("copy {}", from.display()))?;
    std::fs::rename(&new, to).with_context(|| format!("put {} in its place", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_does_without_the_controller() {
        let rows = BUILDS.iter().filter(|build| is_of_the_demo(build));
        let packages: Vec<&str> = rows.flat_map(|(packages, ..)| packages.iter().copied()).collect();
        assert_eq!(packages, ["pause", "ballast", "ballast-repo"]);
    }
}
