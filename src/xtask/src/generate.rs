//! Files in the repository that are made from others: writes them anew. That none of them is stale is checked by the tests that
//! write them here. Not for: expectations of test cases.

use crate::{console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Writes k8s/crd/ anew from the Rust types. The tests, and so CI, fail while it is stale.

Examples:
  cargo xtask gen
";

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    let mut cargo = workspace::cargo(&["test", "--locked", "--package", "ballast-controller", "--quiet", "--"]);
    cargo
        .args(["the_manifest_is_what_the_type_says"])
        .env("UPDATE_EXPECT", "1");
    console::show("gen", &mut cargo)
}
