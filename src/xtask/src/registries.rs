//! Builds the real registries and their clients (tests/registries) by Maven, once per state of their sources.
//! Not for: starting them (the harness does).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::prereq::{self, Group};
use crate::{console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Builds tests/registries by Maven into target/registries: a Eureka server, a Spring Cloud
Config Server and a Spring Cloud client. Does nothing when they are built already.

Examples:
  cargo xtask registries
";

/// Longest build, downloads included.
const DEADLINE: Duration = Duration::from_secs(900);

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    jars()
}

/// Makes sure that all jars are there and up to date.
///
/// # Errors
/// Prerequisites or Maven's.
pub(crate) fn jars() -> anyhow::Result<()> {
    let sources = workspace::root().join("tests/registries");
    let mut hasher = DefaultHasher::new();
    hash_tree(&sources, &mut hasher)?;
    let state = format!("{:016x}", hasher.finish());
    let stamp = workspace::jars().join("stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == state) {
        console::say("registries: built already");
        return Ok(());
    }
    prereq::ensure(&[Group::Registries])?;
    std::fs::create_dir_all(workspace::jars()).context("make target/registries")?;
    let maven = || {
        let mut command = Command::new("mvn");
        command.args(["--batch-mode", "--quiet", "--no-transfer-progress", "-DskipTests"]);
        command.args([
            "-Dmaven.wagon.http.retryHandler.count=3",
            "-Daether.connector.http.retryHandler.count=3",
        ]);
        command.arg(format!("-Dballast.out={}", workspace::jars().display()));
        command.arg("--file").arg(sources.join("pom.xml")).arg("package");
        command
    };
    console::say("building the registries with Maven (the first time it downloads about 150 MB)");
    console::quiet_with_retries("mvn package", maven, DEADLINE)?;
    std::fs::write(&stamp, state).context("note what was built")
}

/// Names and contents of all files below `folder`, in order of name.
fn hash_tree(folder: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        path.file_name().hash(hasher);
        if path.is_dir() {
            hash_tree(&path, hasher)?;
        } else {
            std::fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}
