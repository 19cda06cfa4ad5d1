//! Starts the benchmark; its cases and peers are in tests/bench. Not for: measuring itself.

use crate::prereq::{self, Group};
use crate::{build, console, no_arguments, test, workspace};

pub(crate) const HELP: &str = "\
Builds the binaries and runs tests/bench: memory, reaction times, and CPU per request
beside nginx and haproxy from Debian, in one run, as a table.

Examples:
  cargo xtask bench
";

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    prereq::ensure_root("the benchmark")?;
    prereq::ensure(&[Group::Build, Group::Pods, Group::Bench])?;
    build::binaries()?;
    let mut cargo = workspace::cargo(&["bench", "--locked", "--package", "ballast-tests"]);
    test::environment(&mut cargo);
    console::show("benchmark", &mut cargo)
}
