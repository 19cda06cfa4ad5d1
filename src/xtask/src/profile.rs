//! The profile of `ballast`: how often each branch ran under load, by which the release build makes what is hot fast and what never ran
//! small. It is checked in, since making it takes a build of its own and a run of the benchmark; this makes it anew and hands it to
//! the build. Not for: the build itself (build.rs), loads (tests/bench, tests/soak).
//! Source: rustc book, "Profile-guided Optimization".

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::arch::Arch;
use crate::prereq::{self, Group};
use crate::{build, console, no_arguments, peers, test, workspace};

pub(crate) const HELP: &str = "\
Makes the profile that the release build of ballast goes by: builds ballast with counters,
runs tables of tests/bench and a minute of tests/soak with it, and writes what was counted
to src/agent/ballast.profdata.deflate, and what it holds for to ballast.profdata.txt beside
it. Takes a build with LTO and ten minutes. To be done after a change of the compiler, of
dependencies or of the profiles in Cargo.toml (cargo xtask build says so), and after
changes on the hot path.

Examples:
  cargo xtask profile
";

/// What is counted over: each kind of work that has a figure to reach. The figures themselves mean nothing with counters.
const TABLES: [&str; 8] = ["proxy", "hello", "http2", "tls", "relay", "threads", "idle", "reload"];
/// Of mixed load, so that not only what has a figure is built fast.
const SOAK_MINUTES: &str = "1";
/// A function that was changed since the profile was made is built without it, as a new one is: no word about each.
const QUIETLY: &str = "-Cllvm-args=-no-pgo-warn-mismatch";
const LLVM_PROFDATA: &str = "llvm-profdata-19";
const MERGE: Duration = Duration::from_secs(120);

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    prereq::ensure(&[Group::Profile, Group::Build, Group::Bench, Group::Peers])?;
    peers::programs()?;
    let raw = folder().join("raw");
    if raw.exists() {
        std::fs::remove_dir_all(&raw).with_context(|| format!("remove {}", raw.display()))?;
    }
    let programs = folder().join("bin");
    build::with_counters(&programs, &raw)?;
    for (bench, words) in [("figures", &TABLES[..]), ("soak", &[SOAK_MINUTES])] {
        count(bench, words, &programs, &raw)?;
    }
    let merged = folder().join("merged.profdata");
    merge(&raw, &merged)?;
    let counts = std::fs::read(&merged).with_context(|| format!("read {}", merged.display()))?;
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&counts).context("pack the profile")?;
    write(&checked_in(), &packed.finish().context("pack the profile")?)?;
    let stamp = Stamp::now()?;
    write(
        &note(),
        format!("rustc {}\ncrates {}\n", stamp.rustc, stamp.crates).as_bytes(),
    )?;
    console::say(&format!(
        "wrote {}; cargo xtask build goes by it",
        checked_in().display()
    ));
    Ok(())
}

/// Flags of rustc that make a build go by the checked-in profile. None, with a word about it, when it is of another compiler: names
/// of functions would differ. They differ for another kind of machine, too.
///
/// # Errors
/// The profile can't be read or unpacked, or there is no rustc.
pub(crate) fn flags(arch: Arch) -> anyhow::Result<Vec<String>> {
    if arch != Arch::Amd64 {
        return Ok(Vec::new());
    }
    let path = note();
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let (made_by, now) = (Stamp::read(&text), Stamp::now()?);
    let use_of = made_by.use_at(&now);
    match &use_of {
        Use::Whole => {}
        Use::Partly(word) | Use::None(word) => console::say(word),
    }
    if matches!(use_of, Use::None(_)) {
        return Ok(Vec::new());
    }
    let packed = std::fs::read(checked_in()).with_context(|| format!("read {}", checked_in().display()))?;
    let mut counts = Vec::new();
    let mut unpacked = DeflateDecoder::new(&packed[..]);
    unpacked.read_to_end(&mut counts).context("unpack the profile")?;
    // Named by its content, since cargo does not look into what flags name.
    let mut hasher = DefaultHasher::new();
    counts.hash(&mut hasher);
    let file = folder().join(format!("{:016x}.profdata", hasher.finish()));
    if !std::fs::read(&file).is_ok_and(|there| there == counts) {
        write(&file, &counts)?;
    }
    Ok(vec![format!("-Cprofile-use={}", file.display()), QUIETLY.to_owned()])
}

/// Flags of rustc that make a program write to `raw` what it counted. The instrumented nix keeps functions that glibc has under
/// other names when it is linked statically; nobody calls them, so they may lead nowhere.
pub(crate) fn counting(raw: &Path) -> [String; 2] {
    [
        format!("-Cprofile-generate={}", raw.display()),
        "-Clink-arg=-Wl,--unresolved-symbols=ignore-all".to_owned(),
    ]
}

/// What a profile holds for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stamp {
    /// Release and commit: names of functions have a hash of it.
    rustc: String,
    /// Crates, features and profiles, as a number: hashes of their names follow from those.
    crates: String,
}

/// What a profile is good for, with a word about it where that is not all.
#[derive(Debug, PartialEq, Eq)]
enum Use {
    Whole,
    Partly(String),
    None(String),
}

impl Stamp {
    /// What a profile of this stamp is good for in a build of another.
    fn use_at(&self, now: &Self) -> Use {
        if self.rustc != now.rustc {
            return Use::None(format!(
                "the profile of ballast is of rustc {}, here is {}: building without it, so ballast will be slower; `cargo xtask \
                 profile` makes it anew",
                self.rustc, now.rustc
            ));
        }
        if self.crates != now.crates {
            return Use::Partly(
                "dependencies or profiles of Cargo.toml have changed since the profile of ballast was made: it does not hold for \
                 crates that changed, nor for those that use them; `cargo xtask profile` makes it anew"
                    .to_owned(),
            );
        }
        Use::Whole
    }

    /// `rustc RELEASE (COMMIT)` and `crates NUMBER`, a line each.
    fn read(text: &str) -> Self {
        let line = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_default()
                .trim()
        };
        Stamp {
            rustc: line("rustc ").to_owned(),
            crates: line("crates ").to_owned(),
        }
    }

    fn now() -> anyhow::Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = output(Command::new(rustc).current_dir(workspace::root()).arg("-vV"))?;
        let field = |key: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or_default()
                .trim()
        };
        let mut hasher = DefaultHasher::new();
        let mut crates: Vec<String> = output(&mut workspace::cargo(&[
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--target",
            Arch::Amd64.triple(),
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
            "--package",
            "ballast",
            "--package",
            "ballast-repo",
        ]))?
        .lines()
        .map(without_path)
        .collect();
        crates.sort();
        crates.dedup();
        crates.hash(&mut hasher);
        let manifest = workspace::root().join("Cargo.toml");
        let manifest = std::fs::read_to_string(&manifest).with_context(|| format!("read {}", manifest.display()))?;
        let profiles = manifest.split_once("[profile.release]").map_or("", |(_, rest)| rest);
        profiles.hash(&mut hasher);
        Ok(Stamp {
            rustc: format!("{} ({})", field("release:"), field("commit-hash:")),
            crates: format!("{:016x}", hasher.finish()),
        })
    }
}

/// A line of cargo tree without the folder of a crate of ours, and without the mark of one that was listed before.
fn without_path(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.starts_with("(/") && *word != "(*)");
    words.collect::<Vec<&str>>().join(" ").trim_end().to_owned()
}

/// Runs a program of the benchmark with what counts.
fn count(bench: &str, words: &[&str], programs: &Path, raw: &Path) -> anyhow::Result<()> {
    let mut cargo = workspace::cargo(&[
        "bench",
        "--locked",
        "--package",
        "ballast-tests",
        "--bench",
        bench,
        "--",
    ]);
    test::environment(cargo.args(words))?;
    cargo.env("BALLAST_BIN", programs);
    // Processes that end at the same time take turns at four files.
    cargo.env("LLVM_PROFILE_FILE", raw.join("%4m.profraw"));
    console::say(&format!("counting: {bench} {}", words.join(" ")));
    let status = cargo.status().context("start cargo bench")?;
    // 1: figures that are missed, and they are, with counters.
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("{bench}: {status}");
    }
    Ok(())
}

fn merge(raw: &Path, to: &Path) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(raw).with_context(|| format!("read {}", raw.display()))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    ensure!(
        !files.is_empty(),
        "no ballast has written what it counted to {}",
        raw.display()
    );
    let mut merge = Command::new(LLVM_PROFDATA);
    merge.arg("merge").arg("-o").arg(to).args(files);
    console::quiet(LLVM_PROFDATA, &mut merge, MERGE).map(drop)
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("start {:?}", command.get_program()))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("UTF-8")
}

/// Puts a whole file in its place at once.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let parent = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    let new = path.with_extension("new");
    std::fs::write(&new, bytes).with_context(|| format!("write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("put {} in its place", path.display()))
}

fn folder() -> PathBuf {
    workspace::target().join("profile")
}

fn checked_in() -> PathBuf {
    workspace::root().join("src/agent/ballast.profdata.deflate")
}

fn note() -> PathBuf {
    workspace::root().join("src/agent/ballast.profdata.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_is_written() {
        let stamp = Stamp::now().unwrap();
        assert!(stamp.rustc.starts_with("1.") && stamp.rustc.len() > 40, "{stamp:?}");
        let text = format!("rustc {}\ncrates {}\n", stamp.rustc, stamp.crates);
        assert_eq!(Stamp::read(&text), stamp);
        assert_eq!(Stamp::read(""), Stamp::default());
    }

    #[test]
    fn a_crate_is_the_same_in_every_folder() {
        for (line, expected) in [
            ("ballast v0.1.0 (/a/b/src/agent) ", "ballast v0.1.0"),
            ("serde v1.0.229 default,derive (*)", "serde v1.0.229 default,derive"),
            (
                "serde_derive v1.0.229 (proc-macro) default",
                "serde_derive v1.0.229 (proc-macro) default",
            ),
        ] {
            assert_eq!(without_path(line), expected);
        }
    }

    /// The build goes on in any case.
    #[test]
    fn a_profile_of_another_compiler_is_left_out_with_a_word() {
        let stamp = |rustc: &str, crates: &str| Stamp {
            rustc: rustc.to_owned(),
            crates: crates.to_owned(),
        };
        let made_by = stamp("1.95.0 (a)", "1");
        assert_eq!(made_by.use_at(&stamp("1.95.0 (a)", "1")), Use::Whole);
        let Use::Partly(word) = made_by.use_at(&stamp("1.95.0 (a)", "2")) else {
            panic!("other crates")
        };
        assert!(word.contains("cargo xtask profile"), "{word}");
        let Use::None(word) = made_by.use_at(&stamp("1.96.0 (b)", "1")) else {
            panic!("another compiler")
        };
        assert!(word.contains("1.95.0 (a)") && word.contains("1.96.0 (b)"), "{word}");
    }

    #[test]
    fn what_is_checked_in_is_a_profile() {
        let stamp = Stamp::read(&std::fs::read_to_string(note()).unwrap());
        assert!(!stamp.rustc.is_empty() && !stamp.crates.is_empty(), "{stamp:?}");
        let mut head = [0; 8];
        DeflateDecoder::new(&std::fs::read(checked_in()).unwrap()[..])
            .read_exact(&mut head)
            .unwrap();
        // The first bytes of an indexed profile. Source: LLVM, "Instrumentation Profile Format".
        assert_eq!(head, *b"\xfflprofi\x81");
    }

    #[test]
    fn another_kind_of_machine_has_no_profile() {
        assert_eq!(flags(Arch::Arm64).unwrap(), [""; 0]);
    }
}
