//! Container images: built by buildah in a private view of the machine, kept as docker archives in target/images.
//! Not for: running them (demo/, tests).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use ballast_tests::Netns;
use sha2::{Digest, Sha256};

use crate::arch::Arch;
use crate::prereq::{self, Group};
use crate::{build, console, interrupt, workspace};

pub(crate) const HELP: &str = "\
Builds images/* by buildah and keeps each as target/images/NAME.tar (a docker archive of
localhost/ballast/NAME:dev). Same binaries, same bytes: each is named with its SHA-256.

Options:
  --arch ARCH   amd64 or arm64 (this machine's): those of another go into target/images-ARCH,
                without the apps of the demo
  --oci         also as NAME.oci.tar (an archive of the OCI image layout)
  --no-build    take the binaries as they are in target/bin (target/bin-ARCH)
  --twice       build each a second time, and fail when its bytes differ

Examples:
  cargo xtask images
  cargo xtask images --arch arm64 --oci
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
        name: "init",
        binaries: &["ballast-init"],
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

/// What is asked for beside the docker archives.
struct Wanted {
    arch: Arch,
    with_oci: bool,
    is_proven: bool,
}

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut is_built = false;
    let mut wanted = Wanted {
        arch: Arch::HOST,
        with_oci: false,
        is_proven: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("arch") => wanted.arch = Arch::parse(&parser.value()?.to_string_lossy())?,
            lexopt::Arg::Long("oci") => wanted.with_oci = true,
            lexopt::Arg::Long("no-build") => is_built = true,
            lexopt::Arg::Long("twice") => wanted.is_proven = true,
            other => return Err(other.unexpected().into()),
        }
    }
    prereq::ensure_root("building images")?;
    if !is_built {
        build::binaries_for(wanted.arch)?;
    }
    make(&wanted)
}

/// Builds all images of this machine with their default arguments.
///
/// # Errors
/// Prerequisites or buildah's.
pub(crate) fn all() -> anyhow::Result<()> {
    make(&Wanted {
        arch: Arch::HOST,
        with_oci: false,
        is_proven: false,
    })
}

/// Builds images of these names with their default arguments, for this machine.
///
/// # Errors
/// As [`all`].
///
/// # Panics
/// As [`archive`].
pub(crate) fn some(names: &[&str]) -> anyhow::Result<()> {
    prereq::ensure(&[Group::Images, Group::Pods])?;
    std::fs::create_dir_all(workspace::images()).context("make target/images")?;
    for name in names {
        archive(name, &[], &workspace::images().join(format!("{name}.tar")))?;
    }
    Ok(())
}

/// Builds the Pod image, which is there already, once more.
///
/// # Errors
/// Its bytes are others.
pub(crate) fn prove() -> anyhow::Result<()> {
    let there = workspace::images().join("pod.tar");
    let again = interrupt::work_folder();
    let again = again.path().join("pod.tar");
    archive("pod", &[], &again)?;
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("read {}", path.display()));
    ensure!(
        read(&there)? == read(&again)?,
        "a second build of the Pod image gives other bytes than {}",
        there.display()
    );
    Ok(())
}

fn make(wanted: &Wanted) -> anyhow::Result<()> {
    prereq::ensure(&[Group::Images, Group::Pods])?;
    let folder = wanted.arch.images();
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    // Files of the system are this machine's.
    let images = IMAGES
        .iter()
        .filter(|image| wanted.arch == Arch::HOST || !image.name.starts_with("demo-"));
    for image in images {
        let forms: &[Form] = if wanted.with_oci {
            &[Form::Docker, Form::Oci]
        } else {
            &[Form::Docker]
        };
        for form in forms {
            let to = folder.join(format!("{}.{}", image.name, form.suffix()));
            let sum = build_image(image, &[], wanted.arch, *form, &to)?;
            console::say(&format!("{} sha256:{sum}", to.display()));
            if wanted.is_proven {
                let again = build_image(image, &[], wanted.arch, *form, &to)?;
                ensure!(
                    again == sum,
                    "{} is sha256:{again} when built again, not {sum}",
                    to.display()
                );
            }
        }
    }
    Ok(())
}

/// How an image is kept in one file.
#[derive(Clone, Copy)]
enum Form {
    /// What `docker save` writes.
    Docker,
    /// The layout of OCI's image-spec in a tar.
    Oci,
}

impl Form {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Docker => "tar",
            Self::Oci => "oci.tar",
        }
    }
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
    build_image(image, arguments, Arch::HOST, Form::Docker, to).map(drop)
}

/// Builds one image; its SHA-256 in hexadecimal digits.
fn build_image(image: &Image, arguments: &[String], arch: Arch, form: Form, to: &Path) -> anyhow::Result<String> {
    let work = interrupt::work_folder();
    let context = context(image, arch, work.path())?;
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
    let tag = reference(image.name);
    let mut bud = buildah(&[
        "bud",
        "--isolation",
        "chroot",
        "--quiet",
        "--arch",
        arch.name(),
        "--timestamp",
        "0",
        "--tag",
        &tag,
    ]);
    for argument in arguments {
        bud.args(["--build-arg", argument]);
    }
    console::say(&format!("building image {tag}"));
    console::quiet(&format!("buildah bud {}", image.name), bud.arg(&context), DEADLINE)?;
    let new = to.with_extension("new");
    let _none_before = std::fs::remove_file(&new);
    // An archive that buildah makes of the OCI layout carries the time of its making: so the folder, and a tar of it without.
    let layout = private.join("layout");
    let destination = match form {
        Form::Docker => format!("docker-archive:{}:{tag}", new.display()),
        Form::Oci => format!("oci:{}:{tag}", layout.display()),
    };
    console::quiet(
        &format!("buildah push {}", image.name),
        buildah(&["push", "--quiet"]).args([&tag, &destination]),
        DEADLINE,
    )?;
    if let Form::Oci = form {
        let mut tar = machine.command("tar");
        tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
        tar.args(["--format=ustar", "--create", "--file"]).arg(&new);
        tar.arg("--directory").arg(&layout).arg(".");
        console::quiet(&format!("tar {}", image.name), &mut tar, DEADLINE)?;
    }
    let bytes = std::fs::read(&new).with_context(|| format!("read {}", new.display()))?;
    std::fs::rename(&new, to).with_context(|| format!("put {} in its place", to.display()))?;
    Ok(Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A folder with the Dockerfile and all that it copies.
fn context(image: &Image, arch: Arch, work: &Path) -> anyhow::Result<PathBuf> {
    let context = work.join("context");
    let source = workspace::root().join("images").join(image.name);
    copy_tree(&source, &context)?;
    let binaries = image.binaries.iter().map(|name| arch.bin().join(name));
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
