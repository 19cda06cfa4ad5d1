//! Starts the benchmark; its cases and peers are in tests/bench. Not for: measuring itself.

use crate::prereq::{self, Group};
use crate::{build, console, test, workspace};

pub(crate) const HELP: &str = "\
Builds the binaries and runs tests/bench: memory, reaction times, and CPU per request
beside nginx and haproxy from Debian, in one run, as a table.

Words choose tables (all without): memory, proxy.

Examples:
  cargo xtask bench
  cargo xtask bench memory
";

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut words = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Value(word) => words.push(word),
            other => return Err(other.unexpected().into()),
        }
    }
    prereq::ensure_root("the benchmark")?;
    prereq::ensure(&[Group::Build, Group::Pods, Group::Bench])?;
    build::binaries()?;
    let mut cargo = workspace::cargo(&[
        "bench",
        "--locked",
        "--package",
        "ballast-tests",
        "--bench",
        "figures",
        "--",
    ]);
    test::environment(cargo.args(words));
    console::show("benchmark", &mut cargo)
}
