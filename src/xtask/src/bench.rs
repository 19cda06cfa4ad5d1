//! Starts the benchmark; its cases and peers are in tests/bench. Not for: measuring itself.

use crate::{console, test, workspace};

pub(crate) const HELP: &str = "\
Builds all and runs tests/bench: memory, reaction times, and CPU per request
beside nginx and haproxy from Debian, in one run, as a table.

Words choose tables (all without): memory, reactions, proxy, http2, reload.

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
    test::prepare()?;
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
