//! Every test, set-up included, with one line at the end that says how it went. Not for: the tests themselves.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::prereq::{self, Group};
use crate::{build, console, images, kubernetes, peers, registries, workspace};

pub(crate) const HELP: &str = "\
Installs what is missing (as root, by apt-get), builds binaries, images and the real
registries, then runs every test. The last line is `N passed, N failed`.

Words after `--` go to `cargo test`.

Examples:
  cargo xtask test
  cargo xtask test -- --package ballast-tests --test demo
  cargo xtask test -- --package ballast-codec http1
";

/// Tests failed, and the summary says so already.
#[derive(Debug)]
pub(crate) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("tests failed")
    }
}

impl std::error::Error for Failed {}

/// Sums over all test runners.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    /// Names of failed tests, as `test NAME ... FAILED` gives them.
    names: Vec<String>,
}

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut words = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Value(word) => {
                words.push(
                    word.into_string()
                        .map_err(|word| crate::Usage(format!("{word:?} is no UTF-8")))?,
                );
                // What follows the first word is cargo's, dashes or not.
                for rest in parser.raw_args()? {
                    words.push(
                        rest.into_string()
                            .map_err(|word| crate::Usage(format!("{word:?} is no UTF-8")))?,
                    );
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    prepare()?;
    all(&words)
}

/// What tests need before cargo is asked: packages, binaries, images, jars.
///
/// # Errors
/// Whatever can't be had.
pub(crate) fn prepare() -> anyhow::Result<()> {
    prereq::ensure_root("the test suite")?;
    prereq::ensure(&[
        Group::Build,
        Group::Images,
        Group::Pods,
        Group::Node,
        Group::Registries,
        Group::Bench,
        Group::Peers,
    ])?;
    build::binaries()?;
    images::all()?;
    registries::jars()?;
    peers::programs()?;
    kubernetes::parts()
}

/// Runs the tests that `words` select (none: all of the workspace) and prints the summary as the last line.
///
/// # Errors
/// [`Failed`], or cargo can't be started.
pub(crate) fn all(words: &[String]) -> anyhow::Result<()> {
    let mut cargo = workspace::cargo(&["test", "--locked", "--no-fail-fast"]);
    if words.is_empty() {
        cargo.arg("--workspace");
    }
    cargo.args(words);
    environment(&mut cargo)?;
    console::say("running the tests");
    let tally = runner(&mut cargo)?;
    for name in &tally.names {
        console::plain(&format!("failed: {name}"));
    }
    console::plain(&format!("{} passed, {} failed", tally.passed, tally.failed));
    if tally.failed > 0 { Err(Failed.into()) } else { Ok(()) }
}

/// Tells tests where binaries, images, jars, the parts of Kubernetes and this program are.
///
/// # Errors
/// The sources that the name of a folder follows from can't be read.
pub(crate) fn environment(command: &mut Command) -> anyhow::Result<()> {
    command.env("BALLAST_BIN", workspace::bin());
    command.env("BALLAST_IMAGES", workspace::images());
    command.env("BALLAST_JARS", workspace::jars());
    command.env("BALLAST_PEERS", workspace::peers());
    command.env("BALLAST_KUBERNETES", kubernetes::folder()?);
    command.env("BALLAST_XTASK", std::env::current_exe().unwrap_or_default());
    Ok(())
}

fn runner(cargo: &mut Command) -> anyhow::Result<Tally> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("start cargo test")?;
    let mut tally = Tally::default();
    let mut stdout = std::io::stdout();
    for line in BufReader::new(child.stdout.take().expect("stdout is piped")).split(b'\n') {
        let line = line.context("read what cargo test prints")?;
        let text = String::from_utf8_lossy(&line);
        tally.read(&text);
        writeln!(stdout, "{text}").context("print")?;
    }
    let status = child.wait().context("wait for cargo test")?;
    if !status.success() && tally.failed == 0 {
        // It did not build, or a runner died before it could count.
        tally.failed = 1;
        tally.names.push(format!("cargo test: {status}, see above"));
    }
    if tally.passed == 0 && tally.failed == 0 {
        tally.failed = 1;
        tally.names.push("no test ran".to_owned());
    }
    Ok(tally)
}

impl Tally {
    /// Takes in one line of a test runner's output.
    fn read(&mut self, line: &str) {
        if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.names.push(name.to_owned());
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        // `ok. 3 passed; 0 failed; 0 ignored; …`
        for part in result.split(['.', ';']) {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse::<u32>().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse::<u32>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], passed: u32, failed: u32, names: &[&str]) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(tally, Tally { passed, failed, names });
    }

    #[test]
    fn sums_of_several_runners() {
        check(&["running 2 tests", "test a ... ok"], 0, 0, &[]);
        check(
            &[
                "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.16s",
                "test b::c ... FAILED",
                "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            ],
            15,
            1,
            &["b::c"],
        );
    }

    #[test]
    fn a_runner_that_fails_without_counting_is_a_failure() {
        let tally = runner(Command::new("sh").args(["-c", "echo 'error: could not compile'; exit 101"])).unwrap();
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert_eq!(
            runner(&mut Command::new("true")).unwrap().failed,
            1,
            "no test at all is no success"
        );
    }
}
