//! Where things are: the root of the repository and the folders below target/. Not for: reading or writing them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::arch::Arch;

/// The triple of this machine's binaries that go into images. Always given to cargo, so that crt-static never reaches
/// proc-macros.
pub(crate) const TRIPLE: &str = Arch::HOST.triple();

/// Root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("src/xtask lies two folders below the root")
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// Our static binaries: what `BALLAST_BIN` names.
pub(crate) fn bin() -> PathBuf {
    Arch::HOST.bin()
}

/// Images as docker archives: what `BALLAST_IMAGES` names.
pub(crate) fn images() -> PathBuf {
    Arch::HOST.images()
}

/// Jars of the real registries: what `BALLAST_JARS` names.
pub(crate) fn jars() -> PathBuf {
    target().join("registries")
}

/// Peers of tests that are Go programs: what `BALLAST_PEERS` names.
pub(crate) fn peers() -> PathBuf {
    target().join("peers")
}

/// `cargo` as the one that runs us, at the root, with the lock file as it is.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(words);
    command
}
