//! Starts the scale test of the controller; what it does is in tests/scale. Not for: CI, where machines differ.

use crate::prereq::{self, Group};
use crate::{Usage, build, console, kubernetes, test, workspace};

pub(crate) const HELP: &str = "\
10,000 labelled Pods, or --pods N, on a real API server: the first sync of one controller
with a Repo on disk, its memory, and how soon 50 changes a second arrive. Budgets stand
beside the figures; fails when one is not met.

Examples:
  cargo xtask scale
  cargo xtask scale --pods 1000
";

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let mut pods = "10000".to_owned();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("pods") => pods = parser.value()?.to_string_lossy().into_owned(),
            other => return Err(other.unexpected().into()),
        }
    }
    if !pods.parse().is_ok_and(|pods: u64| pods > 0) {
        return Err(Usage(format!("--pods {pods:?} is no number of Pods")).into());
    }
    prereq::ensure(&[Group::Build, Group::Pods])?;
    build::binaries()?;
    kubernetes::parts()?;
    let words = [
        "bench",
        "--locked",
        "--package",
        "ballast-tests",
        "--bench",
        "scale",
        "--",
        &pods,
    ];
    let mut cargo = workspace::cargo(&words);
    test::environment(&mut cargo)?;
    console::show("scale", &mut cargo)
}
