//! Container images: built by buildah in a private view of the machine, kept as docker archives in target/images.
//! Not for: running them (demo/, tests).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use ballast_tests::Netns;

use crate::prereq::{self, Group};
use crate::{build, console, interrupt, workspace};

pub(crate) const HELP: &str = "\
Builds images/* by buildah, reproducibly (same binaries, same bytes), and keeps each as
target/images/NAME.tar (a docker archive of localhost/ballast/NAME:dev).

Options:
  --no-build    take the binaries as they are in target/bin

Examples:
  cargo xtask images
  podman load -i target/images/pod.tar
  ctr -n k8s.io images import target/images/pod.tar
";

/// A folder below images/, and what its build needs beside its own files.
struct Image {
    name: &'static str,
    /// Binaries of ours.
    binaries: &'static [&'static str],
    /// Files of the system, by path.
    system: &'static [&'static str],
}

const IMAGES: &[Image] = &[
    Image {
        name: "pod",
        binaries: &["pause", "ballast"],
        system: &[],
    },
    Image {
        name: "run",
        binaries: &["ballast"],
        system: &[],
    },
    Image {
        name: "repo",
        binaries: &["ballast-repo"],
        system: &[],
    },
    Image {
        name: "controller",
        binaries: &["ballast-controller"],
        system: &[],
    },
    Image {
        name: "demo-ratings",
        binaries: &[],
        system: &["/bin/busybox"],
    },
    Image {
        name: "demo-static",
        binaries: &["ballast"],
        system: &[],
    },
];

/// Longest build of one image.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut is_built = false;
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("no-build") => is_built = true,
            other => return Err(other.unexpected().into()),
        }
    }
    prereq::ensure_root("building images")?;
    if !is_built {
        build::binaries()?;
    }
    all()
}

/// Builds all images with their default arguments.
///
/// # Errors
/// Prerequisites or buildah's.
pub(crate) fn all() -> anyhow::Result<()> {
    prereq::ensure(&[Group::Images, Group::Pods])?;
    std::fs::create_dir_all(workspace::images()).context("make target/images")?;
    for image in IMAGES {
        archive(
            image.name,
            &[],
            &workspace::images().join(format!("{}.tar", image.name)),
        )?;
    }
    Ok(())
}

/// The name under which an image is known to podman and containerd.
pub(crate) fn reference(name: &str) -> String {
    format!("localhost/ballast/{name}:dev")
}

/// Builds one image with build arguments (`KEY=value`) into the docker archive `to`.
///
/// # Errors
/// buildah's.
///
/// # Panics
/// No such image in the table.
pub(crate) fn archive(name: &str, arguments: &[String], to: &Path) -> anyhow::Result<()> {
    let image = IMAGES
        .iter()
        .find(|image| image.name == name)
        .expect("callers name images of the table");
    let work = interrupt::work_folder();
    let context = context(image, work.path())?;
    let policy = work.path().join("policy.json");
    std::fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    // Mounts end with the namespace, whatever happens; a tmpfs, for not every file system can be below an overlay.
    let private = work.path().join("private");
    let set_up = format!(
        "mkdir {0}; mount -t tmpfs none {0}; mount -t tmpfs none /run",
        private.display()
    );
    let machine = Netns::machine(&set_up).context("make namespaces for buildah")?;
    let buildah = |words: &[&str]| -> Command {
        let mut command = machine.command("buildah");
        command.env("TMPDIR", &private);
        command
            .arg("--root")
            .arg(private.join("storage"))
            .arg("--runroot")
            .arg(private.join("run"));
        command.args(words).arg("--signature-policy").arg(&policy);
        command
    };
    let tag = reference(name);
    let mut bud = buildah(&[
        "bud",
        "--isolation",
        "chroot",
        "--quiet",
        "--timestamp",
        "0",
        "--tag",
        &tag,
    ]);
    for argument in arguments {
        bud.args(["--build-arg", argument]);
    }
    console::say(&format!("building image {tag}"));
    console::quiet(&format!("buildah bud {name}"), bud.arg(&context), DEADLINE)?;
    let new = to.with_extension("new");
    let _none_before = std::fs::remove_file(&new);
    let destination = format!("docker-archive:{}:{tag}", new.display());
    console::quiet(
        &format!("buildah push {name}"),
        buildah(&["push", "--quiet"]).args([&tag, &destination]),
        DEADLINE,
    )?;
    std::fs::rename(&new, to).with_context(|| format!("put {} in its place", to.display()))
}

/// A folder with the Dockerfile and all that it copies.
fn context(image: &Image, work: &Path) -> anyhow::Result<PathBuf> {
    let context = work.join("context");
    let source = workspace::root().join("images").join(image.name);
    copy_tree(&source, &context)?;
    let binaries = image.binaries.iter().map(|name| workspace::bin().join(name));
    for file in binaries.chain(image.system.iter().map(PathBuf::from)) {
        let name = file.file_name().context("a file has a name")?;
        std::fs::copy(&file, context.join(name)).with_context(|| format!("copy {} into the image", file.display()))?;
    }
    Ok(context)
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            // Its target is a path of the image.
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
