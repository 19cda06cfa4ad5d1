//! How long the registry takes to show what happens to a Pod, in real podman Pods with a real Eureka: the demo's own
//! figures. The probe asks once a second and counts two failures; those waits are part of the times.

use crate::table::Table;
use ballast_tests::{process, temp_dir};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(400);

pub(crate) fn run() -> Table {
    let mut table = Table::new("What a Pod's registry shows, and after how long");
    images(&mut table);
    let folder = temp_dir();
    let file = folder.path().join("proof.json");
    let xtask = std::env::var_os("BALLAST_XTASK").expect("BALLAST_XTASK is not set; run `cargo xtask bench`");
    let mut demo = Command::new(xtask);
    demo.args(["demo", "--no-build", "--json"]).arg(&file);
    let (_, output) = process::run("demo", &mut demo, DEADLINE).expect("the demo can be started");
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("the demo proved nothing ({error}):\n{output}"));
    let proof: Value = serde_json::from_slice(&text).expect("the demo writes JSON");
    for line in proof["proofs"].as_array().into_iter().flatten() {
        let what = line["what"].as_str().unwrap_or_default();
        match (line["seconds"].as_f64(), line["bound"].as_f64()) {
            (Some(seconds), Some(bound)) => table.at_most(what, seconds, bound, "s"),
            (Some(seconds), None) => table.note(what, format!("{seconds:.2} s")),
            (None, _) => table.at_most(what, f64::INFINITY, 0.0, "s"),
        }
    }
    table
}

fn images(table: &mut Table) {
    let folder = std::env::var_os("BALLAST_IMAGES").expect("BALLAST_IMAGES is not set; run `cargo xtask bench`");
    let pod = std::path::Path::new(&folder).join("pod.tar");
    let bytes = std::fs::metadata(&pod).expect("the Pod image is built").len() as f64 / 1e6;
    table.at_most("Pod image, archive", bytes, 11.2, "MB");
}
