//! Starts the benchmark; its cases and peers are in tests/bench. Not for: measuring itself.

use crate::{console, test, workspace};
use anyhow::Context;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The peer of admission reviews. There is no Debian package of it: Go builds it, once a version.
const OPA: &str = "github.com/open-policy-agent/opa";
const OPA_VERSION: &str = "v1.22.2";
/// Longest build of it, downloads included.
const OPA_DEADLINE: Duration = Duration::from_secs(1800);

pub(crate) const HELP: &str = "\
Builds all and runs tests/bench: memory, reaction times, and CPU per request
beside nginx and haproxy from Debian and OPA built by Go, in one run, as tables.

Words choose tables (all without): memory, reactions, start, pod-start, proxy, hello,
http2, relay, idle, threads, admission, reload, tls, transparent.

Examples:
  cargo xtask bench
  cargo xtask bench proxy hello
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
    if words.is_empty() || words.iter().any(|word| word == "admission") {
        cargo.env("BALLAST_OPA", opa()?);
    }
    test::environment(cargo.args(words))?;
    console::show("benchmark", &mut cargo)
}

/// OPA's server, built when it is not there yet.
fn opa() -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join("peers").join(OPA_VERSION);
    let program = folder.join("opa");
    if program.is_file() {
        return Ok(program);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let build = || {
        let mut go = Command::new("go");
        go.args(["install", "-ldflags", "-s -w"])
            .arg(format!("{OPA}@{OPA_VERSION}"));
        go.env("GOBIN", &folder);
        go
    };
    console::say("building OPA with Go (the first time it downloads its modules)");
    console::quiet_with_retries("go install", build, OPA_DEADLINE)
        .context("build OPA, the peer of the table `admission`; is Go 1.24 or later in PATH?")?;
    Ok(program)
}
