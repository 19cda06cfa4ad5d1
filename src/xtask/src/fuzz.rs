//! Open-ended fuzzing of the codecs: builds the targets of tests/fuzz with what libFuzzer needs and runs them one after the other. The
//! codecs have no unsafe code, so neither a sanitizer nor a nightly compiler is needed. Not for: what must hold (the targets say so).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::prereq::{self, Group};
use crate::{Usage, console, workspace};

pub(crate) const HELP: &str = "\
Fuzzes the codecs: each TARGET of tests/fuzz (all without), one after the other, for
60 seconds or as long as --seconds says, at low priority. What it learns is kept in
target/fuzz/corpus and used the next time. What it finds is in target/fuzz/found: put
it, made smaller with `-minimize_crash=1`, into tests/fuzz/corpus/TARGET, whose files
`cargo test -p ballast-codec` runs.

Examples:
  cargo xtask fuzz
  cargo xtask fuzz http2 hpack --seconds 600
";

const SECONDS: u64 = 60;
/// Beyond its time, for loading what it knows.
const GRACE: Duration = Duration::from_secs(300);
const BUILD_DEADLINE: Duration = Duration::from_secs(3600);

/// What `cargo fuzz` gives too, without the sanitizer: counters of what ran, comparisons, and checks that panic.
const FLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let (mut chosen, mut seconds) = (Vec::new(), SECONDS);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Value(word) => chosen.push(word.to_string_lossy().into_owned()),
            lexopt::Arg::Long("seconds") => {
                let word = parser.value()?.to_string_lossy().into_owned();
                let given = word.parse().ok().filter(|seconds| *seconds > 0);
                seconds = given.ok_or_else(|| Usage(format!("--seconds {word:?} is no number of seconds")))?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let targets = targets()?;
    if let Some(unknown) = chosen.iter().find(|name| !targets.contains(name)) {
        return Err(Usage(format!("no fuzz target {unknown:?}; there are {}", targets.join(", "))).into());
    }
    if chosen.is_empty() {
        chosen = targets;
    }
    prereq::ensure(&[Group::Build, Group::Fuzz])?;
    let folder = workspace::target().join("fuzz");
    let mut cargo = workspace::cargo(&[
        "build",
        "--locked",
        "--release",
        "--target",
        workspace::TRIPLE,
        "--target-dir",
    ]);
    cargo.arg(&folder).current_dir(source()).env("RUSTFLAGS", FLAGS);
    for name in &chosen {
        cargo.args(["--bin", name]);
    }
    console::quiet("build of the fuzz targets", &mut cargo, BUILD_DEADLINE)?;
    let found: Vec<String> = chosen
        .iter()
        .filter_map(|name| {
            one(&folder, name, seconds)
                .err()
                .map(|error| format!("{name}: {error:#}"))
        })
        .collect();
    if !found.is_empty() {
        bail!(
            "{} of {} targets failed:\n{}",
            found.len(),
            chosen.len(),
            found.join("\n")
        );
    }
    Ok(())
}

fn source() -> PathBuf {
    workspace::root().join("tests/fuzz")
}

/// Names of all targets, in order.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = source().join("fuzz_targets");
    let files = std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut names: Vec<String> = files
        .flatten()
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn one(folder: &Path, name: &str, seconds: u64) -> anyhow::Result<()> {
    let (corpus, found) = (folder.join("corpus").join(name), folder.join("found"));
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let program = folder.join(workspace::TRIPLE).join("release").join(name);
    let mut command = Command::new("nice");
    // A finding is told at once: looking symbols up takes longer than libFuzzer has patience.
    command.args(["-n", "15"]).arg(program).env("RUST_BACKTRACE", "0");
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=60", "-rss_limit_mb=1024"]);
    command
        .arg(format!("-artifact_prefix={}/{name}-", found.display()))
        .arg(&corpus);
    // Small protocols share a folder.
    let known = source().join("corpus");
    command.args(
        [known.join(name), known.join("net")]
            .iter()
            .filter(|folder| folder.is_dir())
            .take(1),
    );
    let said = console::quiet(
        &format!("fuzz {name}"),
        &mut command,
        Duration::from_secs(seconds) + GRACE,
    )?;
    let done = said.lines().rev().find(|line| line.starts_with("Done "));
    console::say(&format!("fuzz {name}: {}", done.unwrap_or("ended")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cargo.toml of tests/fuzz has a row for each file, and each codec has a target.
    #[test]
    fn every_codec_has_a_target() {
        let manifest = std::fs::read_to_string(source().join("Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        for name in &targets {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name}"
            );
        }
        let library = std::fs::read_to_string(workspace::root().join("src/codec/src/lib.rs")).unwrap();
        let modules = library
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        for module in modules.filter(|name| !["chunks", "split"].contains(name)) {
            assert!(targets.iter().any(|name| name == module), "no fuzz target for {module}");
        }
    }
}
