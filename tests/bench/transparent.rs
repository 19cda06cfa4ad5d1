//! What the transparent proxy adds to each request into a Pod, beside the app alone and beside nginx and haproxy as plain
//! sidecars; and what is left of it when the app takes all of the CPU and the proxy has the shares of a sandbox (2).
//! Two network namespaces: the world and a Pod. Rules by ballast-init, scripts as they are shipped.

use crate::peers::{cpu_micros, haproxy, write};
use crate::table::Table;
use ballast_tests::{Netns, Process, bin, poll, process, repo_path, temp_dir};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const WORLD: &str = "10.79.0.1";
const POD: &str = "10.79.0.2";
const APP_PORT: u16 = 8080;
const ROUNDS: usize = 3;
const START: Duration = Duration::from_secs(20);
/// Seconds of one run, connections of the client.
const SECONDS: u64 = 3;
const CONNECTIONS: usize = 8;
/// A sandbox's share of a CPU, and an app's of a request of 100m.
const SANDBOX_SHARES: u32 = 2;
const APP_SHARES: u32 = 102;

/// One way to the app.
struct Way {
    name: &'static str,
    port: u16,
    /// Who stands between; None: nobody.
    proxy: Option<Process>,
}

/// What one run found: latencies in milliseconds, CPU of the proxy in microseconds a request.
#[derive(Clone, Copy, Default)]
struct Found {
    p50: f64,
    p99: f64,
    cpu: f64,
    per_second: f64,
}

pub(crate) fn run() -> Table {
    let mut table = Table::new("Transparent proxy, HTTP/1.1 into a Pod, 8 connections");
    let folder = temp_dir();
    let (world, pod) = pair();
    let _app = app(folder.path(), &pod);
    let ways = ways(folder.path(), &pod);
    measure(&mut table, &world, &ways, "");
    let cgroups = Cgroups::new();
    let busy = burners(&pod);
    busy.iter().for_each(|process| cgroups.put("app", process.id()));
    for (group, what) in [
        ("sandbox", ", busy app, shares of a sandbox (2)"),
        ("sidecar", ", busy app, shares of a sidecar (102)"),
    ] {
        ways.iter()
            .filter_map(|way| way.proxy.as_ref())
            .for_each(|proxy| cgroups.put(group, proxy.id()));
        measure(&mut table, &world, &ways, what);
    }
    table
}

fn measure(table: &mut Table, world: &Netns, ways: &[Way], what: &str) {
    let mut all = vec![Vec::new(); ways.len()];
    // The first round warms up; they take turns, for machines are shared.
    for round in 0..=ROUNDS {
        for (found, way) in all.iter_mut().zip(ways) {
            let one = wrk(world, way);
            if round > 0 {
                found.push(one);
            }
        }
    }
    for (found, way) in all.iter().zip(ways) {
        let median = |pick: fn(&Found) -> f64| {
            let mut figures: Vec<f64> = found.iter().map(pick).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        let figures = format!(
            "p50 {:.2} ms, p99 {:.2} ms, {:.1} µs of CPU each, {:.0} a second",
            median(|found| found.p50),
            median(|found| found.p99),
            median(|found| found.cpu),
            median(|found| found.per_second),
        );
        table.note(format!("{}{what}", way.name), figures);
    }
}

/// One run of the client against one way.
fn wrk(world: &Netns, way: &Way) -> Found {
    let cpu = || way.proxy.as_ref().map_or(0.0, |proxy| cpu_micros(proxy.id()));
    let before = cpu();
    let mut command = world.command("wrk");
    command.args([
        "-t1",
        "--latency",
        &format!("-c{CONNECTIONS}"),
        &format!("-d{SECONDS}s"),
        "--timeout",
        "10s",
    ]);
    command.arg(format!("http://{POD}:{}/", way.port));
    let (status, output) =
        process::run("wrk", &mut command, Duration::from_secs(SECONDS + 30)).expect("wrk is installed");
    assert!(
        status.success() && !output.contains("Non-2xx"),
        "{}: {output}",
        way.name
    );
    let requests = crate::load::requests(&output);
    Found {
        p50: percentile(&output, "50%"),
        p99: percentile(&output, "99%"),
        cpu: (cpu() - before) / requests.max(1.0),
        per_second: requests / SECONDS as f64,
    }
}

/// Milliseconds behind this word of wrk's distribution.
fn percentile(output: &str, word: &str) -> f64 {
    let value = output
        .lines()
        .find_map(|line| line.trim().strip_prefix(word))
        .map(str::trim)
        .unwrap_or_default();
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = value.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return number * factor;
        }
    }
    panic!("wrk printed no {word}:\n{output}")
}

/// The world and the Pod, with a cable between them.
fn pair() -> (Netns, Netns) {
    let (world, pod) = (Netns::new().expect("root"), Netns::new().expect("root"));
    let holder = pod.path();
    let holder = holder
        .iter()
        .nth(2)
        .and_then(|part| part.to_str())
        .expect("/proc/PID/ns/net")
        .to_owned();
    done(
        &world,
        &format!("ip link add pod0 type veth peer name eth0 netns {holder}"),
    );
    for (netns, device, ip) in [(&world, "pod0", WORLD), (&pod, "eth0", POD)] {
        done(netns, &format!("ip address add {ip}/24 dev {device}"));
        done(netns, &format!("ip link set {device} up"));
    }
    (world, pod)
}

/// The app: nginx with an answer of its own.
fn app(folder: &Path, pod: &Netns) -> Process {
    let address = format!("{POD}:{APP_PORT}");
    // Rules exempt the second port: there is nobody between.
    let config = nginx(
        folder,
        "app",
        &format!("{address}; listen {POD}:9000"),
        "return 200 'an answer of the app\\n';",
    );
    start(pod, "nginx", &["-c", &config], &address)
}

fn ways(folder: &Path, pod: &Netns) -> Vec<Way> {
    let upstream = format!("{POD}:{APP_PORT}");
    let (by_nginx, by_haproxy) = (format!("{POD}:9001"), format!("{POD}:9002"));
    let location = "proxy_pass http://u; proxy_http_version 1.1; proxy_set_header connection '';";
    let config = nginx(folder, "proxy", &by_nginx, location);
    let nginx = start(pod, "nginx", &["-c", &config], &by_nginx);
    let sections = format!("frontend f\n bind {by_haproxy}\n default_backend b\nbackend b\n server s {upstream}");
    let written = haproxy(folder, "haproxy", "http", &sections);
    let words: Vec<String> = written
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let haproxy = start(pod, "haproxy", &words, &by_haproxy);
    // Exempt are the two other proxies and a port by which the app is reached alone.
    done(
        pod,
        &format!(
            "{} --exempt-inbound-ports 9000-9002 --exempt-uids 65535",
            shown(&bin("ballast-init"))
        ),
    );
    let scripts = codebase(folder);
    let ballast = format!(
        "setpriv --reuid 65535 --regid 65535 --clear-groups {} run {}",
        shown(&bin("ballast")),
        shown(&scripts)
    );
    let words: Vec<&str> = ballast.split(' ').collect();
    let (program, words) = words.split_first().expect("it has words");
    let ballast = start(pod, program, words, "127.0.0.1:15001");
    let way = |name, port, proxy| Way { name, port, proxy };
    vec![
        way("the app alone", 9000, None),
        way("nginx, not transparent", 9001, Some(nginx)),
        way("haproxy, not transparent", 9002, Some(haproxy)),
        way("ballast, transparent", APP_PORT, Some(ballast)),
    ]
}

/// scripts/ with a pod.json that asks for the proxy, as a folder to run.
fn codebase(folder: &Path) -> PathBuf {
    let target = folder.join("codebase");
    fs::create_dir(&target).expect("a fresh folder");
    for name in ["base", "features", "lib", "registry"] {
        let from = repo_path("scripts").join(name);
        let copied = Command::new("cp").arg("-r").arg(from).arg(&target).status();
        assert!(copied.is_ok_and(|status| status.success()), "copy scripts");
    }
    fs::copy(target.join("base/main.js"), target.join("main.js")).expect("it is there");
    fs::create_dir(target.join("config")).expect("a fresh folder");
    let pod = format!(
        r#"{{"schema":1,"metadata":{{"name":"web-0","namespace":"shop"}},"spec":{{"containers":[]}},
            "status":{{"podIP":"{POD}","podIPs":["{POD}"]}},"features":{{"proxy":{{"service":"web","ports":[]}}}}}}"#
    );
    write(&target, "config/pod.json", &pod);
    let readable = Command::new("chmod").arg("-R").arg("a+rX").arg(folder).status();
    assert!(readable.is_ok_and(|status| status.success()), "let others read it");
    target
}

fn nginx(folder: &Path, name: &str, listen: &str, location: &str) -> String {
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/{name}.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {0}/{name}-c; proxy_temp_path {0}/{name}-p;
fastcgi_temp_path {0}/{name}-f; uwsgi_temp_path {0}/{name}-u; scgi_temp_path {0}/{name}-s;
upstream u {{ server {POD}:{APP_PORT}; keepalive 64; keepalive_requests 100000000; }}
server {{ listen {listen}; location / {{ {location} }} }} }}",
        folder.display()
    );
    shown(&write(folder, &format!("{name}.conf"), &config))
}

/// Starts it in the Pod and waits until it listens.
fn start(pod: &Netns, program: &str, words: &[&str], address: &str) -> Process {
    let mut process = Process::spawn(program, pod.command(program).args(words)).expect("it is installed");
    let is_up = poll(START, || {
        let up = pod.run(|| TcpStream::connect(address).is_ok());
        (up || !process.is_running()).then_some(up)
    });
    assert_eq!(
        is_up,
        Some(true),
        "{program} does not listen on {address}: {}",
        process.output()
    );
    process
}

/// As many as there are CPUs, and one more: nothing is left over.
fn burners(pod: &Netns) -> Vec<Process> {
    let count = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let burner = || Process::spawn("a busy app", pod.command("sh").args(["-c", "while :; do :; done"]));
    (0..count).map(|_| burner().expect("there is a shell")).collect()
}

fn done(netns: &Netns, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let (program, words) = words.split_first().expect("a line has words");
    let (status, output) = process::run(program, netns.command(program).args(words), START).expect("it is installed");
    assert!(status.success(), "{line}: {output}");
}

fn shown(path: &Path) -> String {
    path.to_str().expect("a UTF-8 path").to_owned()
}

/// A Pod's cgroup of the CPU with three below it; removed on drop, when what was in them has ended.
struct Cgroups(PathBuf);

impl Cgroups {
    fn new() -> Self {
        let root = PathBuf::from(format!("/sys/fs/cgroup/cpu/ballast-bench-{}", std::process::id()));
        let cgroups = Cgroups(root);
        for (name, shares) in [
            ("", 1024),
            ("app", APP_SHARES),
            ("sandbox", SANDBOX_SHARES),
            ("sidecar", APP_SHARES),
        ] {
            let folder = cgroups.0.join(name);
            fs::create_dir_all(&folder).expect("root may make cgroups (version 1)");
            fs::write(folder.join("cpu.shares"), shares.to_string()).expect("cpu.shares");
        }
        cgroups
    }

    fn put(&self, name: &str, process: u32) {
        let file = self.0.join(name).join("cgroup.procs");
        fs::write(file, process.to_string()).expect("root may move processes");
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for name in ["app", "sandbox", "sidecar", ""] {
            let folder = self.0.join(name);
            let here = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            let root = self.0.with_file_name("cgroup.procs");
            here.lines().for_each(|id| fs::write(&root, id).unwrap_or_default());
            fs::remove_dir(&folder).ok();
        }
    }
}
