//! `cargo xtask demo`: the product's main job, from nothing, with proof. Builds what it takes, makes a machine of namespaces,
//! starts the real servers and Pods in it and shows what happens to them. Not for: how it is shown (report.rs).

mod flow;
mod machine;
mod manifest;
mod report;
mod servers;

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::prereq::{self, Group};
use crate::workspace;
use crate::{build, console, images, interrupt, registries};
use machine::{GATEWAY, Machine};
use report::Report;

pub(crate) const HELP: &str = "\
Builds all but the controller and shows a real Eureka, a Spring Cloud Config Server, a Repo and two
podman Pods that register themselves; see demo/01-eureka. Takes root and a few minutes
the first time, about one after that; leaves nothing running or mounted.

Options:
  --json FILE   also write the proof as JSON
  --no-build    take binaries, images and jars as they are in target/

Examples:
  cargo xtask demo
  cargo xtask demo --no-build --json /tmp/proof.json
";

/// Images that Pods are made of, beside the infra image (which is built for this network).
const APP_IMAGES: &[&str] = &["demo-ratings", "demo-static"];

pub(crate) fn run(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    let (mut json, mut is_built) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("json") => json = Some(PathBuf::from(parser.value()?)),
            lexopt::Arg::Long("no-build") => is_built = true,
            other => return Err(other.unexpected().into()),
        }
    }
    prereq::ensure_root("the demo")?;
    prereq::ensure(&[Group::Build, Group::Images, Group::Pods, Group::Registries])?;
    if !is_built {
        build::of_the_demo()?;
        images::some(APP_IMAGES)?;
        registries::jars()?;
    }
    let infra = interrupt::work_folder();
    let infra = infra.path().join("pod.tar");
    let arguments = [
        format!("BALLAST_REPO=http://{GATEWAY}:6060"),
        "BALLAST_NAMESPACE=default".to_owned(),
    ];
    images::archive("pod", &arguments, &infra)?;

    let machine = Machine::new()?;
    console::say(&format!(
        "made a machine of namespaces, its files in {}",
        machine.folder().display()
    ));
    machine.load(&infra)?;
    for name in APP_IMAGES {
        machine.load(&workspace::images().join(format!("{name}.tar")))?;
    }
    let mut report = Report::default();
    let outcome = flow::run(&machine, &mut report);
    if let Some(file) = json {
        std::fs::write(&file, format!("{:#}\n", report.json())).with_context(|| format!("write {}", file.display()))?;
    }
    outcome?;
    console::plain(&format!("\n{}\n", report.table()));
    if report.holds() {
        console::plain("The demo holds: every change was seen in the registry in time.");
        return Ok(());
    }
    bail!("the demo does not hold: see the lines marked FAILED")
}
