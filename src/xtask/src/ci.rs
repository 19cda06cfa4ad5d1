//! What CI runs, in the order of what fails fastest; the tests come last, so their summary is the last line.

use crate::prereq::{self, Group};
use crate::{cargo_deny, console, images, no_arguments, size, test, tidy, workspace};

pub(crate) const HELP: &str = "\
fmt --check, tidy, deny, clippy -D warnings, doc, build, size, whether an image built
again has the same bytes, test: in that order. Stops at the first that fails.

Examples:
  cargo xtask ci
";

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    console::show("fmt", &mut workspace::cargo(&["fmt", "--all", "--check"]))?;
    tidy::check()?;
    prereq::ensure(&[Group::Build])?;
    cargo_deny::check()?;
    let mut clippy = workspace::cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
    console::show("clippy", clippy.args(["--", "-D", "warnings"]))?;
    let mut doc = workspace::cargo(&[
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    console::show("doc", doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    test::prepare()?;
    size::check()?;
    images::prove()?;
    test::all(&[])
}
