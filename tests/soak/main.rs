//! Mixed load on one `ballast run` for as long as the first word says, in minutes, with a reload every five seconds: no request is lost,
//! and memory and open files stay flat. `cargo xtask soak` runs it. Not for: speed (tests/bench), single features (the tests).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod loads;
mod script;

use ballast_tests::{Process, bin, poll, temp_dir};
use loads::Loads;
use nix::sys::signal::Signal;
use script::Script;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Time between reloads.
const RELOAD: Duration = Duration::from_secs(5);
/// What memory may grow by from the end of the first fifth to the end, KiB: less than a leaked version of the scripts every two minutes.
const GROWN_KIB: u64 = 8 << 10;
/// The same of open files: connections of clients come and go.
const GROWN_FILES: u64 = 64;

/// The process at one moment.
#[derive(Clone, Copy)]
struct Look {
    resident_kib: u64,
    files: u64,
}

impl Look {
    fn at(process: &Process) -> Look {
        let id = process.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
        Look {
            resident_kib: line
                .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
                .unwrap_or(0),
            files: files as u64,
        }
    }
}

fn main() -> ExitCode {
    // `cargo bench` passes flags of its own.
    let minutes = std::env::args()
        .skip(1)
        .find_map(|word| word.parse::<u64>().ok())
        .unwrap_or(30);
    let (folder, script) = (temp_dir(), Script::new());
    script.write(folder.path(), 0);
    let main = folder.path().join("main.js");
    let command = &mut Command::new(bin("ballast"));
    let mut process = Process::spawn("ballast", command.arg("run").arg(&main)).expect("it starts");
    for port in script.ports() {
        let listens = poll(Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        assert!(listens.is_some(), "port {port}: {}", process.output());
    }
    let loads = Loads::start(&script);
    println!("{minutes} minutes of: {}", loads.names().join(", "));
    println!(
        "{:>6} {:>8} {:>9} {:>6} {:>5}  requests so far",
        "minute", "reloads", "RSS KiB", "files", "lost"
    );
    let (began, mut reloads, mut looks) = (Instant::now(), 0, Vec::new());
    let mut problem = None;
    for minute in 1..=minutes {
        let end = began + Duration::from_secs(60 * minute);
        while Instant::now() < end && problem.is_none() {
            problem = reload(&script, folder.path(), &process, reloads + 1).or_else(|| loads.lost());
            reloads += 1;
            let until = end.min(Instant::now() + RELOAD);
            let ended = poll(until.saturating_duration_since(Instant::now()), || {
                (!process.is_running() || loads.lost().is_some()).then_some(())
            });
            if ended.is_some() {
                problem = loads.lost().or_else(|| Some("the process has ended".to_owned()));
            }
        }
        let look = Look::at(&process);
        looks.push(look);
        let counts: Vec<String> = loads.counts().iter().map(u64::to_string).collect();
        let lost = usize::from(loads.lost().is_some());
        println!(
            "{minute:>6} {reloads:>8} {:>9} {:>6} {lost:>5}  {}",
            look.resident_kib,
            look.files,
            counts.join(" ")
        );
        if problem.is_some() {
            break;
        }
    }
    let idle: Vec<&str> = loads
        .names()
        .into_iter()
        .zip(loads.counts())
        .filter(|(_, count)| *count == 0)
        .map(|(name, _)| name)
        .collect();
    let problem = problem.or_else(|| loads.finish()).or_else(|| grown(&looks));
    let problem =
        problem.or_else(|| (!idle.is_empty()).then(|| format!("no request of {} was answered", idle.join(", "))));
    match problem {
        None => {
            println!("flat, and nothing lost");
            ExitCode::SUCCESS
        }
        Some(problem) => {
            println!("{problem}\nthe process said at last:\n{}", tail(&process.output()));
            ExitCode::FAILURE
        }
    }
}

/// A new version; what is wrong if it does not come to run.
fn reload(script: &Script, folder: &std::path::Path, process: &Process, version: u64) -> Option<String> {
    let reloaded = || process.output().matches("reloaded").count();
    let before = reloaded();
    script.write(folder, version);
    if process.signal(Signal::SIGHUP).is_err() {
        return Some("the process has ended".to_owned());
    }
    let done = poll(Duration::from_secs(30), || (reloaded() != before).then_some(()));
    done.is_none().then(|| format!("reload {version} does not end"))
}

/// What is wrong with how it has grown.
fn grown(looks: &[Look]) -> Option<String> {
    let warm = looks.len().div_ceil(5);
    let first = looks.get(warm.saturating_sub(1))?;
    // Single looks jump by what is under way: those of the last fifth count, the smallest of them.
    let last = looks.get(looks.len().saturating_sub(warm)..)?;
    let memory = last.iter().map(|look| look.resident_kib).min()?;
    let files = last.iter().map(|look| look.files).min()?;
    println!(
        "after the first fifth: {} KiB, {} files; at the end: {memory} KiB, {files} files",
        first.resident_kib, first.files
    );
    if memory > first.resident_kib + GROWN_KIB {
        return Some(format!("memory has grown by more than {GROWN_KIB} KiB"));
    }
    (files > first.files + GROWN_FILES).then(|| format!("more than {GROWN_FILES} files are left open"))
}

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
