//! Starts the soak test; what it does is in tests/soak. Not for: CI, it takes as long as one likes.

use crate::prereq::{self, Group};
use crate::{Usage, build, console, peers, test, workspace};

pub(crate) const HELP: &str = "\
Half an hour, or --minutes N, of mixed load on one ballast: HTTP/1, HTTP/2, TLS,
WebSocket, CONNECT tunnels, proxies, a relay, scripts with callbacks and timers, and
a reload every five seconds. Prints a line a minute. Fails when a request is lost, or
memory or open files grow after the first fifth of the time.

Examples:
  cargo xtask soak
  cargo xtask soak --minutes 5
";

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut minutes = "30".to_owned();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("minutes") => minutes = parser.value()?.to_string_lossy().into_owned(),
            other => return Err(other.unexpected().into()),
        }
    }
    if !minutes.parse().is_ok_and(|minutes: u64| minutes > 0) {
        return Err(Usage(format!("--minutes {minutes:?} is no number of minutes")).into());
    }
    prereq::ensure(&[Group::Build, Group::Pods, Group::Bench, Group::Peers])?;
    build::binaries()?;
    peers::programs()?;
    let words = [
        "bench",
        "--locked",
        "--package",
        "ballast-tests",
        "--bench",
        "soak",
        "--",
        &minutes,
    ];
    let mut cargo = workspace::cargo(&words);
    test::environment(&mut cargo)?;
    console::show("soak", &mut cargo)
}
