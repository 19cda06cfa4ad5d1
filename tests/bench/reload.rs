//! A thousand reloads under a load of some 20,000 requests a second: requests that are lost, and memory that does not come
//! back. Each reload is a new version of the script, fetched by SIGHUP.

use crate::table::Table;
use ballast_tests::load::Load;
use ballast_tests::{Process, bin, free_port, poll, temp_dir};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::{Duration, Instant};

const RELOADS: usize = 1000;

pub(crate) fn run() -> Table {
    let mut table = Table::new("1,000 reloads under load, one thread");
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("main.js");
    let write = |version: usize| {
        let script = format!("pipy().listen({port}).serveHTTP(() => new Message('version {version}'))");
        std::fs::write(&path, script).expect("the temporary folder is writable");
    };
    write(0);
    let mut process = Process::spawn("ballast", Command::new(bin("ballast")).arg("run").arg(&path)).expect("it starts");
    process.wait_output(Duration::from_secs(10), "listening on");
    let load = Load::start(port);
    let mut after_a_hundred = 0.0;
    let begun = Instant::now();
    for n in 1..=RELOADS {
        write(n);
        process.signal(Signal::SIGHUP).expect("it runs");
        let count = || process.output().matches("reloaded").count();
        let done = poll(Duration::from_secs(10), || (count() >= n).then_some(()));
        assert!(done.is_some(), "reload {n}: {}", process.output());
        if n == 100 {
            after_a_hundred = resident_mb(&process);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let grown = resident_mb(&process) - after_a_hundred;
    let (answered, lost) = match load.finish() {
        Ok(answered) => (answered, 0.0),
        Err(problem) => {
            table.note("the first request that was lost", problem);
            (0, 1.0)
        }
    };
    table.note(
        "requests a second meanwhile",
        format!("{:.0}", answered as f64 / seconds),
    );
    table.note(
        "a reload, with its signal and its file",
        format!("{:.1} ms", seconds * 1000.0 / RELOADS as f64),
    );
    table.at_most("requests lost", lost, 0.0, "");
    table.at_most("memory grown from reload 100 to 1,000", grown.max(0.0), 4.0, "MB");
    table
}

fn resident_mb(process: &Process) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
