//! Kinds of machines that binaries and images are made for, and what a cross build needs. Not for: the build itself
//! (`build.rs`). Names of kinds are those of image indexes (OCI image-spec, "image index": Go's GOARCH).

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::prereq::{self, Group};
use crate::workspace;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64, little-endian.
    Arm64,
}

impl Arch {
    /// All, in the order in which help lists them.
    pub(crate) const ALL: &'static [Self] = &[Self::Amd64, Self::Arm64];

    /// That of this machine.
    pub(crate) const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::Amd64
    };

    /// `amd64` or `arm64`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name of the target.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// GNU's name of the target: the prefix of its C compiler.
    const fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// The value of `--arch`.
    ///
    /// # Errors
    /// No such kind.
    pub(crate) fn parse(word: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.iter().find(|arch| arch.name() == word).copied();
        found.ok_or_else(|| crate::Usage(format!("--arch {word}: amd64 and arm64 are known")).into())
    }

    /// Our binaries for it: `target/bin` for this machine, `target/bin-NAME` for another.
    pub(crate) fn bin(self) -> PathBuf {
        self.folder("bin")
    }

    /// Images for it: `target/images` for this machine, `target/images-NAME` for another.
    pub(crate) fn images(self) -> PathBuf {
        self.folder("images")
    }

    fn folder(self, name: &str) -> PathBuf {
        if self == Self::HOST {
            workspace::target().join(name)
        } else {
            workspace::target().join(format!("{name}-{}", self.name()))
        }
    }

    /// Makes sure that this machine can build for it: Rust's standard library, a C compiler, a C library.
    ///
    /// # Errors
    /// What is missing, with the command that brings it.
    pub(crate) fn ensure(self) -> anyhow::Result<()> {
        prereq::ensure(&[Group::Build])?;
        if self == Self::HOST {
            return Ok(());
        }
        let asked = Command::new("rustc").args(["--print", "sysroot"]).output();
        let asked = asked.context("ask rustc for its sysroot")?;
        let library = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim())
            .join("lib/rustlib")
            .join(self.triple())
            .join("lib");
        if !library.is_dir() {
            bail!(
                "no Rust standard library for {} at {}; bring it with\n  rustup target add {}",
                self.name(),
                library.display(),
                self.triple()
            );
        }
        prereq::ensure(match self {
            Self::Arm64 => &[Group::CrossArm64],
            Self::Amd64 => &[Group::CrossAmd64],
        })
    }

    /// Tells cargo, and the builds of C in it, which compiler and linker make files for it.
    pub(crate) fn tools(self, cargo: &mut Command) {
        if self == Self::HOST {
            return;
        }
        let compiler = format!("{}-gcc", self.gnu());
        let target = self.triple().replace('-', "_");
        cargo.env(format!("CC_{target}"), &compiler);
        cargo.env(format!("AR_{target}"), format!("{}-ar", self.gnu()));
        cargo.env(format!("CARGO_TARGET_{}_LINKER", target.to_uppercase()), compiler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for arch in Arch::ALL {
            assert_eq!(Arch::parse(arch.name()).unwrap(), *arch);
        }
        let error = Arch::parse("s390x").unwrap_err().to_string();
        assert_eq!(error, "--arch s390x: amd64 and arm64 are known");
    }

    #[test]
    fn what_is_for_another_machine_has_a_folder_of_its_own() {
        let other = Arch::ALL.iter().find(|arch| **arch != Arch::HOST).unwrap();
        assert_ne!(other.bin(), Arch::HOST.bin());
        assert_ne!(other.images(), Arch::HOST.images());
        assert_eq!(Arch::HOST.bin(), workspace::bin());
    }

    #[test]
    fn a_cross_build_uses_the_tools_of_its_target() {
        let other = Arch::ALL.iter().find(|arch| **arch != Arch::HOST).unwrap();
        let mut cargo = Command::new("cargo");
        other.tools(&mut cargo);
        let linker = cargo.get_envs().find_map(|(name, value)| {
            let is_linker = name.to_str()?.ends_with("_LINKER");
            is_linker.then(|| value.unwrap_or_default().to_string_lossy().into_owned())
        });
        assert_eq!(linker, Some(format!("{}-gcc", other.gnu())));
        let mut cargo = Command::new("cargo");
        Arch::HOST.tools(&mut cargo);
        assert_eq!(cargo.get_envs().count(), 0);
    }
}
