//! Many labelled Pods on a real API server and a real Repo, and one controller: how long the first sync takes, how much memory
//! it takes, and how soon changes at a steady pace arrive in the Repo. `cargo xtask scale` runs it. Pods are objects without
//! nodes; statuses are set as kubelets would. Not for: single reactions (tests/e2e/controller).

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::control_plane::ControlPlane;
use ballast_tests::repo::Repo;
use ballast_tests::{Process, bin, poll, temp_dir};
use serde_json::{Value, json};

/// What writers show.
const TOKEN: &str = "scale";
/// Nodes that the Pods say they are on.
const NODES: usize = 100;
/// Who makes Pods at once.
const CREATORS: usize = 8;
/// Changes a second, how long, and who makes them at once.
const RATE: f64 = 50.0;
const CHURN: Duration = Duration::from_secs(30);
const CHANGERS: usize = 16;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(600);

/// Budgets for 10,000 Pods.
const FIRST_SYNC: Duration = Duration::from_secs(30);
const RESIDENT_KIB: u64 = 80 << 10;
const P99: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // `cargo bench` passes flags of its own.
    let pods = std::env::args().skip(1).find_map(|word| word.parse::<usize>().ok());
    let pods = pods.unwrap_or(10_000).max(1);
    let folder = temp_dir();
    let plane = ControlPlane::start();
    plane.install();
    let kubeconfig = plane.kubeconfig_of("ballast-system", "ballast-controller");
    let data = folder.path().join("data");
    let args = ["--data", data.to_str().expect("a UTF-8 path")];
    let repo = Repo::start(&args, &[("BALLAST_REPO_TOKEN", TOKEN), ("BALLAST_LOG", "warn")]);

    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let creator = || {
        while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < pods) {
            plane.done("POST /api/v1/namespaces/default/pods", &pod(number));
        }
    };
    std::thread::scope(|scope| (0..CREATORS).for_each(|_| drop(scope.spawn(creator))));
    println!("{pods} pods made in {:.1?}", start.elapsed());

    let start = Instant::now();
    let mut command = Command::new(bin("ballast-controller"));
    command
        .args(["--repo", &repo.url, "--kubeconfig"])
        .arg(&kubeconfig)
        .env("BALLAST_REPO_TOKEN", TOKEN)
        .env("BALLAST_LOG", "warn");
    let mut controller = Process::spawn("ballast-controller", &mut command).expect("it starts");
    // Pods are published in the order of the list, a few dozen at once, so the count is that of committed ones but for these.
    let count = || {
        repo.get("/api/v1/repo")
            .text()
            .lines()
            .filter(|name| name.starts_with("/pod/"))
            .count()
    };
    let synced = poll(PATIENCE, || (count() == pods).then(|| start.elapsed()));
    let Some(synced) = synced else {
        println!(
            "only {} of {pods} are published after {PATIENCE:?}\n{}",
            count(),
            controller.output()
        );
        return ExitCode::FAILURE;
    };
    let missing = (0..pods).filter(|number| document(&repo, *number).is_none()).count();
    let resident = resident_kib(&controller);
    println!(
        "first sync: {synced:.1?} (30 s); {missing} without a document; resident {:.1} MiB at most (80)",
        mib(resident)
    );

    let (mut latencies, late) = churn(&plane, &repo, pods);
    latencies.sort();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    println!(
        "churn: {} changes, {:.1} a second ({late} not in time): p50 {:.1?}, p99 {:.1?} (1 s), longest {:.1?}",
        latencies.len(),
        latencies.len() as f64 / CHURN.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    let resident = resident_kib(&controller);
    println!("resident {:.1} MiB at most (80)", mib(resident));
    let is_met = synced <= FIRST_SYNC && missing == 0 && resident <= RESIDENT_KIB && at(0.99) <= P99 && late == 0;
    if !is_met || !controller.is_running() {
        println!("not met\n{}", controller.output());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Readiness flips at a steady pace, each of another Pod. Gives the times from the API server's answer until the Repo serves
/// it, and how many changes began more than a second after their time.
fn churn(plane: &ControlPlane, repo: &Repo, pods: usize) -> (Vec<Duration>, usize) {
    let (next, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let latencies = Mutex::new(Vec::new());
    let start = Instant::now();
    let changer = || {
        loop {
            let change = next.fetch_add(1, Ordering::Relaxed);
            let due = Duration::from_secs_f64(change as f64 / RATE);
            if due >= CHURN {
                return;
            }
            poll(CHURN, || (start.elapsed() >= due).then_some(()));
            if start.elapsed() > due + Duration::from_secs(1) {
                late.fetch_add(1, Ordering::Relaxed);
            }
            // Far apart, and each Pod flips to what it is not.
            let number = change * 7919 % pods;
            let is_ready = (change / pods).is_multiple_of(2);
            let path = format!("PATCH /api/v1/namespaces/default/pods/{}/status", name(number));
            plane.done(&path, &status(is_ready));
            let event = Instant::now();
            let seen = poll(PATIENCE, || {
                let document = document(repo, number)?;
                (document["status"]["ready"] == is_ready).then(|| event.elapsed())
            });
            let mut all = latencies.lock().expect("no thread panics with it");
            all.push(seen.unwrap_or(PATIENCE));
        }
    };
    std::thread::scope(|scope| (0..CHANGERS).for_each(|_| drop(scope.spawn(changer))));
    let latencies = latencies.into_inner().expect("all threads have ended");
    (latencies, late.into_inner())
}

fn document(repo: &Repo, number: usize) -> Option<Value> {
    let answer = repo.get(&format!("/repo/pod/default/{}/config/pod.json", name(number)));
    (answer.status == 200).then(|| answer.json())
}

fn name(number: usize) -> String {
    format!("web-{number:05}")
}

fn pod(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name(number), "namespace": "default",
            "labels": {"infra.flomesh.io/registry": "true", "app": format!("web-{}", number % 200)},
        },
        "spec": {
            "nodeName": format!("node-{}", number % NODES), "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "app", "image": "app", "ports": [{"containerPort": 8080}],
                "env": [{"name": "spring.application.name", "value": "orders"}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
            }],
        },
    })
}

fn status(is_ready: bool) -> Value {
    let ready = if is_ready { "True" } else { "False" };
    json!({ "status": {
        "phase": "Running", "podIP": "10.200.0.7", "podIPs": [{"ip": "10.200.0.7"}],
        "conditions": [{"type": "Ready", "status": ready}],
    }})
}

/// The most that it has had in memory so far.
fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(u64::MAX)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
