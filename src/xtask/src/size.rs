//! Files that go into every Pod, against their budgets. Not for: memory (tests/bench measures that).

use anyhow::{Context, bail};

use crate::{build, console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Compares the size of pause and of the Pod image with their budgets, and makes sure that
the binaries are static. The file of ballast is a row of `cargo xtask bench start`.

Examples:
  cargo xtask size
";

/// File and its budget in bytes.
const BUDGETS: &[(&str, u64)] = &[("bin/pause", 1_200_000), ("images/pod.tar", 12_000_000)];

/// Binaries that must run where there is no loader.
const STATIC: &[&str] = &["pause", "ballast", "ballast-init", "ballast-repo", "ballast-controller"];

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    build::binaries()?;
    crate::images::all()?;
    check()
}

/// Checks what is built.
///
/// # Errors
/// Over a budget, or not static; all that is wrong, not only the first.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (file, budget) in BUDGETS {
        let path = workspace::target().join(file);
        let bytes = std::fs::metadata(&path)
            .with_context(|| format!("look at {}", path.display()))?
            .len();
        console::say(&format!("size {file}: {bytes} of {budget} bytes"));
        if bytes > *budget {
            wrong.push(format!("{file} has {bytes} bytes, {} over its budget", bytes - budget));
        }
    }
    for name in STATIC {
        let path = workspace::bin().join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        if names_loader(&bytes) {
            wrong.push(format!("{name} is not static: it names a program loader"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("{}", wrong.join("; "))
    }
}

/// Does this ELF64 file have a PT_INTERP program header? Source: System V ABI, "Program Header".
fn names_loader(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let word = |at: usize, len: usize| -> Option<u64> {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let header = |index: u64| -> Option<u64> {
        let (offset, size) = (word(0x20, 8)?, word(0x36, 2)?);
        word(usize::try_from(offset + index * size).ok()?, 4)
    };
    let count = word(0x38, 2).unwrap_or(0);
    (0..count).any(|index| header(index) == Some(u64::from(PT_INTERP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_binary_is_dynamic_and_noise_is_not() {
        let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(names_loader(&me));
        assert!(!names_loader(b"\x7fELF") && !names_loader(&[]));
    }
}
