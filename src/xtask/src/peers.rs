//! Builds the peers of tests that are Go programs (tests/peers): h2spec, the interop client and server of gRPC, a WebSocket client and
//! server. Not for: starting them (the tests do).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::{console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Builds the Go programs that tests of HTTP/2 and WebSocket talk to into target/peers:
h2spec, gRPC's interop client and server, a WebSocket client and server. Versions are in
tests/peers/go.mod. Go itself keeps what it has built, so a second run takes a moment.

Needs Go 1.26 in PATH or /usr/local/go (Debian's golang-go is older than grpc-go asks for).

Examples:
  cargo xtask peers
";

/// Longest build of one program, downloads included.
const DEADLINE: Duration = Duration::from_secs(900);

/// Name of the program, and its package.
const PROGRAMS: [(&str, &str); 4] = [
    ("peers", "."),
    ("h2spec", "github.com/summerwind/h2spec/cmd/h2spec"),
    ("grpc-client", "google.golang.org/grpc/interop/client"),
    ("grpc-server", "google.golang.org/grpc/interop/server"),
];

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    programs()
}

/// Makes sure that all programs are there and up to date.
///
/// # Errors
/// No Go, or what Go says.
pub(crate) fn programs() -> anyhow::Result<()> {
    let go = go()?;
    let folder = workspace::peers();
    std::fs::create_dir_all(&folder).context("make target/peers")?;
    for (name, package) in PROGRAMS {
        let build = || {
            let mut command = Command::new(&go);
            command.current_dir(workspace::root().join("tests/peers"));
            command
                .args(["build", "-trimpath", "-o"])
                .arg(folder.join(name))
                .arg(package);
            command
        };
        console::quiet_with_retries(&format!("go build of {name}"), build, DEADLINE)?;
    }
    Ok(())
}

/// The Go toolchain.
///
/// # Errors
/// There is none.
pub(crate) fn go() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/local/go/bin")])
        .map(|folder| folder.join("go"))
        .find(|go| go.is_file());
    match found {
        Some(go) => Ok(go),
        None => bail!(
            "Go is missing, and Debian's package golang-go is too old for grpc-go: unpack Go 1.26 or later into /usr/local/go (https://go.dev/dl)"
        ),
    }
}
