//! What a Pod's start costs with our sandbox image, beside a pause that does nothing else: real Pods on a real kubelet, blocks of
//! ten starts with each image in turn, so that all meet the same machine. The sandbox's start is what containerd logs of
//! RunPodSandbox; and the time until PID 1 takes signals, from its exec. Source: issue 5.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::node::images::{Archive, BUSYBOX};
use ballast_tests::node::{Node, Settings};
use ballast_tests::{Process, TempDir, bin, poll, process, temp_dir};

use crate::table::Table;

/// What the node starts sandboxes from; the images under test take the name in turn.
const SANDBOX: &str = "localhost/test/sandbox:1";
/// The peer: what upstream's does, and nothing else; that one is not to be had where nothing is pulled.
const BARE: &str = "#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void down(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) { signal(SIGINT, down); signal(SIGTERM, down); signal(SIGCHLD, reap); for (;;) pause(); }
";
const ROUNDS: usize = 3;
const BLOCK: usize = 10;
/// Longest start or end of one Pod.
const WAIT: Duration = Duration::from_secs(60);
/// Starts of PID 1 alone.
const EXECS: usize = 30;

/// An image under test and its times by block, in milliseconds.
struct Subject {
    what: &'static str,
    name: &'static str,
    image: String,
    blocks: Vec<Vec<f64>>,
    until_running: Vec<f64>,
}

pub(crate) fn run() -> Table {
    let mut table = Table::new("Start of a Pod's sandbox, 3 blocks of 10 each in turn");
    let folder = temp_dir();
    let bare = compile(&folder);
    let image = |name: &str, files: &[(&str, &Path)]| Archive::of_files(name, files, &[], &["/pause"]);
    let (pause, ballast) = (bin("pause"), bin("ballast"));
    let images = [
        ("a bare pause", image("localhost/test/bare:1", &[("/pause", &bare)])),
        (
            "ours without agent",
            image("localhost/test/alone:1", &[("/pause", &pause)]),
        ),
        (
            "ours",
            image("localhost/test/ours:1", &[("/pause", &pause), ("/ballast", &ballast)]),
        ),
    ];
    let first = image(SANDBOX, &[("/pause", &bare)]);
    let busybox = Archive::busybox();
    let settings = Settings::shipped().sandbox(first.path(), SANDBOX).image(busybox.path());
    let settings = images
        .iter()
        .fold(settings, |settings, (_, archive)| settings.image(archive.path()));
    let node = Node::start(&settings);
    let mut subjects: Vec<Subject> = ["bare", "alone", "ours"]
        .into_iter()
        .zip(&images)
        .map(|(name, (what, _))| Subject {
            what,
            name,
            image: format!("localhost/test/{name}:1"),
            blocks: Vec::new(),
            until_running: Vec::new(),
        })
        .collect();
    // The first start of each is the one that finds its files not yet read.
    for round in 0..=ROUNDS {
        for subject in &mut subjects {
            block(&node, subject, round);
        }
    }
    report(&mut table, &subjects);
    // By itself: this network is no Pod's, an agent would ask around in it.
    let lone = folder.path().join("pause");
    std::fs::copy(&pause, &lone).expect("the folder is ours");
    let mut ready: Vec<f64> = (0..EXECS).map(|_| exec_to_ready(&lone)).collect();
    table.at_most(
        "PID 1 takes signals, after its exec, median",
        median(&mut ready),
        3.0,
        "ms",
    );
    table
}

/// Starts Pods one after the other; round 0 is not counted.
fn block(node: &Node, subject: &mut Subject, round: usize) {
    node.ctr(&["images", "tag", "--force", &subject.image, SANDBOX]);
    let count = if round == 0 { 1 } else { BLOCK };
    let mut times = Vec::new();
    for number in 0..count {
        // Never twice: the log is searched for it.
        let name = format!("{}-{round}-{number}", subject.name);
        let start = Instant::now();
        node.apply(&format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: app, image: '{BUSYBOX}', command: [/bin/sleep, '600']}}]
"
        ));
        node.wait_pod(&name, "it does not run", |pod| pod["status"]["phase"] == "Running");
        if round > 0 {
            subject.until_running.push(ms(start.elapsed()));
            times.push(sandbox_ms(&node.containerd_log(), &name));
        }
        node.delete(&name);
        poll(WAIT, || node.pod(&name).is_none().then_some(())).expect("a deleted Pod goes");
    }
    if round > 0 {
        subject.blocks.push(times);
    }
}

fn report(table: &mut Table, subjects: &[Subject]) {
    let medians: Vec<f64> = subjects.iter().map(|one| median(&mut one.blocks.concat())).collect();
    let mut spreads: Vec<f64> = subjects
        .iter()
        .flat_map(|one| &one.blocks)
        .map(|block| spread(block))
        .collect();
    let spread = median(&mut spreads);
    for (subject, middle) in subjects.iter().zip(&medians) {
        let blocks: Vec<String> = subject
            .blocks
            .iter()
            .map(|block| format!("{:.0}", median(&mut block.clone())))
            .collect();
        table.note(
            format!("{}, median (of the blocks: {})", subject.what, blocks.join(", ")),
            format!("{middle:.0} ms"),
        );
        let running = median(&mut subject.until_running.clone());
        table.note(
            format!("{}, created to Running, median", subject.what),
            format!("{running:.0} ms"),
        );
    }
    table.note(
        "slowest less fastest start of a block, median of the blocks",
        format!("{spread:.0} ms"),
    );
    for (subject, middle) in subjects.iter().zip(&medians).skip(1) {
        let difference = middle - medians[0];
        table.at_most(
            format!("{}: median beyond the bare pause's", subject.what),
            difference,
            spread,
            "ms",
        );
    }
}

/// Time between containerd's two lines about a Pod's sandbox.
#[track_caller]
fn sandbox_ms(log: &str, pod: &str) -> f64 {
    let about = format!("RunPodSandbox for &PodSandboxMetadata{{Name:{pod},");
    let mut lines = log.lines().filter(|line| line.contains(&about)).map(clock);
    let (begin, end) = (lines.next(), lines.next_back());
    let (Some(begin), Some(end)) = (begin, end) else {
        panic!(
            "containerd tells no start of {pod}; its log ends with {:?}",
            log.lines().last()
        );
    };
    // Midnight may have come between.
    (end - begin).rem_euclid(86_400_000.0)
}

/// Milliseconds of the day of a line `time="2026-01-02T03:04:05.678901234Z" ...`.
#[track_caller]
fn clock(line: &str) -> f64 {
    let time = line.split_once('T').and_then(|(_, rest)| rest.split_once('Z'));
    let (time, _) = time.unwrap_or_else(|| panic!("no time: {line}"));
    time.split(':')
        .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(f64::NAN))
        * 1e3
}

/// From the last look at which the program was not yet executed until the first one at which it takes SIGTERM: an upper bound.
fn exec_to_ready(pause: &Path) -> f64 {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]).arg(pause);
    let process = Process::spawn("pause", &mut command).expect("root makes a pid namespace");
    let id = poll(WAIT, || process::descendants(process.id()).first().copied()).expect("unshare forks");
    let status = || std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let mut before = Instant::now();
    loop {
        let looked = Instant::now();
        let text = status();
        if text.starts_with("Name:\tpause\n") {
            if takes_term(&text) {
                return ms(before.elapsed());
            }
        } else {
            before = looked;
        }
        assert!(before.elapsed() < WAIT, "it takes no signal: {text}");
    }
}

/// Is SIGTERM caught, or blocked to be waited for?
fn takes_term(status: &str) -> bool {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
            .unwrap_or(0)
    };
    (mask("SigCgt:") | mask("SigBlk:")) & 1 << 14 != 0
}

#[track_caller]
fn compile(folder: &TempDir) -> PathBuf {
    let (source, program) = (folder.path().join("bare.c"), folder.path().join("bare"));
    std::fs::write(&source, BARE).expect("the folder is ours");
    let mut cc = Command::new("cc");
    cc.args(["-Os", "-static", "-s", "-o"]).arg(&program).arg(&source);
    let (status, output) = process::run("cc", &mut cc, WAIT).expect("it runs");
    assert!(status.success(), "{output}");
    program
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
