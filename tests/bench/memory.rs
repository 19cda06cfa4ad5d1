//! What a Pod pays: resident and private memory of PID 1 and the agent, dormant and active; file sizes; CPU while idle.
//! Private memory is Private_Dirty of smaps_rollup: file pages are shared by all Pods of a node and counted apart.

use crate::table::Table;
use ballast_tests::registries::Jars;
use ballast_tests::{Netns, Process, TempDir, bin, http, poll, process, temp_dir};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(30);
const TOKEN: &str = "bench";
/// How long a dormant agent is watched for the CPU that it uses, seconds.
const IDLE_SECONDS: u64 = 20;

pub(crate) fn run() -> Table {
    let mut table = Table::new("What a Pod pays");
    sizes(&mut table);
    let netns = Netns::new().expect("root can make a network namespace");
    let folder = temp_dir();
    let _repo = repo(&netns, folder.path());
    let pod = start_pod(&netns, &folder);
    let agent = agent_of(&pod);
    // Dormant: it has asked the Repo and waits for the answer.
    poll(WAIT, || connected(agent).then_some(())).expect("the agent polls the Repo");
    dormant(&mut table, pod.id(), agent);
    let _eureka = Jars::of_tests().eureka(&netns, &[]).expect("Eureka starts");
    publish(&netns, folder.path());
    let registered = poll(WAIT, || {
        let url = "http://127.0.0.1:8761/eureka/apps/BENCH";
        netns
            .run(|| http::get(url))
            .is_ok_and(|answer| answer.status == 200)
            .then_some(())
    });
    assert!(
        registered.is_some(),
        "the Pod did not register itself; it said:\n{}",
        pod.output()
    );
    let agent = agent_of(&pod);
    let memory = Memory::of(agent);
    table.at_most("active agent, resident", memory.resident_kb / 1024.0, 8.0, "MB");
    table.at_most("active agent, private dirty", memory.private_kb / 1024.0, 4.0, "MB");
    table
}

fn dormant(table: &mut Table, pause: u32, agent: u32) {
    let (one, two) = (Memory::of(pause), Memory::of(agent));
    table.at_most("PID 1, anonymous", one.anonymous_kb, 100.0, "KB");
    table.note("PID 1, resident", format!("{:.0} KB", one.resident_kb));
    table.note("dormant agent, resident", format!("{:.0} KB", two.resident_kb));
    table.note("dormant agent, private dirty", format!("{:.0} KB", two.private_kb));
    table.at_most(
        "dormant Pod, private dirty of both",
        one.private_kb + two.private_kb,
        500.0,
        "KB",
    );
    let before = cpu_millis(pause) + cpu_millis(agent);
    let since = Instant::now();
    // Watching takes its time; there is no condition to wait for.
    poll(Duration::from_secs(IDLE_SECONDS), || None::<()>);
    let spent = (cpu_millis(pause) + cpu_millis(agent) - before) * 60.0 / since.elapsed().as_secs_f64();
    table.at_most("dormant Pod, CPU per minute", spent, 1.0, "ms");
}

fn sizes(table: &mut Table) {
    for (name, budget) in [("pause", Some(1.2)), ("ballast", None), ("ballast-repo", None)] {
        let bytes = std::fs::metadata(bin(name)).expect("it is built").len() as f64 / 1e6;
        match budget {
            Some(budget) => table.at_most(format!("{name}, file"), bytes, budget, "MB"),
            None => table.note(format!("{name}, file"), format!("{bytes:.2} MB")),
        }
    }
}

/// Facts of /proc/PID/smaps_rollup and status, KB. Source: proc(5).
pub(crate) struct Memory {
    resident_kb: f64,
    pub(crate) private_kb: f64,
    anonymous_kb: f64,
}

impl Memory {
    pub(crate) fn of(id: u32) -> Self {
        let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).expect("it runs, and we are root");
        let field = |name: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("no {name} in\n{text}"));
            line.split_whitespace()
                .nth(1)
                .and_then(|kb| kb.parse().ok())
                .unwrap_or(f64::NAN)
        };
        Memory {
            resident_kb: field("Rss:"),
            private_kb: field("Private_Dirty:"),
            anonymous_kb: field("Anonymous:"),
        }
    }
}

/// CPU of all threads from /proc/PID/task/*/schedstat, milliseconds: finer than the ticks of stat.
fn cpu_millis(id: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e6
}

fn repo(netns: &Netns, folder: &Path) -> Process {
    let mut command = netns.command(&bin("ballast-repo").to_string_lossy());
    command
        .args(["--listen", "127.0.0.1:6060", "--data"])
        .arg(folder.join("data"))
        .env("BALLAST_REPO_TOKEN", TOKEN);
    let repo = Process::spawn("ballast-repo", &mut command).expect("it starts");
    let up = poll(WAIT, || {
        netns
            .run(|| http::get("http://127.0.0.1:6060/api/v1/repo"))
            .is_ok()
            .then_some(())
    });
    assert!(up.is_some(), "the Repo does not answer; it said:\n{}", repo.output());
    repo
}

/// `pause` with the agent beside it, as the image has them; not as PID 1 of a namespace, which changes no memory.
fn start_pod(netns: &Netns, folder: &TempDir) -> Process {
    let image = folder.path().join("image");
    std::fs::create_dir(&image).expect("the temporary folder is writable");
    for name in ["pause", "ballast"] {
        std::fs::copy(bin(name), image.join(name)).expect("binaries can be copied");
        // Pages of a file that was not written back yet count as dirty, which an image's never are.
        let copy = std::fs::File::open(image.join(name)).expect("just copied");
        copy.sync_all().expect("the copy can be written back");
    }
    let mut command = netns.command(&image.join("pause").to_string_lossy());
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("proc is mounted");
    std::fs::write(folder.path().join("name"), hostname.trim()).expect("the temporary folder is writable");
    command
        .env_clear()
        .env("BALLAST_REPO", "http://127.0.0.1:6060")
        .env("BALLAST_NAMESPACE", "bench");
    Process::spawn("pause", &mut command).expect("it starts")
}

fn publish(netns: &Netns, folder: &Path) {
    let name = std::fs::read_to_string(folder.join("name")).expect("written by start_pod");
    let mut pod = String::new();
    write!(
        pod,
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {name}, namespace: bench, labels: {{ app: bench, \
         infra.flomesh.io/registry: 'true', infra.flomesh.io/proxy: 'true', infra.flomesh.io/port: '6060' }} }}\n\
         spec: {{ containers: [ {{ name: app, image: x, ports: [ {{ containerPort: 6060 }} ] }} ] }}\n"
    )
    .expect("a String takes all");
    std::fs::write(folder.join("pod.yaml"), pod).expect("the temporary folder is writable");
    let settings = "registry: { type: eureka, servers: ['http://127.0.0.1:8761/eureka'] }\n";
    std::fs::write(folder.join("settings.yaml"), settings).expect("the temporary folder is writable");
    let mut command = netns.command(&bin("ballast-repo").to_string_lossy());
    command
        .arg("publish-pod")
        .arg(folder.join("pod.yaml"))
        .arg("--settings")
        .arg(folder.join("settings.yaml"));
    command
        .args(["--repo", "http://127.0.0.1:6060", "--pod-ip", "127.0.0.1"])
        .env("BALLAST_REPO_TOKEN", TOKEN);
    let (status, output) = process::run("publish-pod", &mut command, WAIT).expect("it starts");
    assert!(status.success(), "publish-pod:\n{output}");
}

/// The agent that `pod` runs now.
fn agent_of(pod: &Process) -> u32 {
    let agent = poll(WAIT, || {
        process::descendants(pod.id()).into_iter().find(|id| is_agent(*id))
    });
    agent.unwrap_or_else(|| panic!("pause started no agent; it said:\n{}", pod.output()))
}

fn is_agent(id: u32) -> bool {
    std::fs::read(format!("/proc/{id}/cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains("ballast\0agent"))
}

/// Whether the process has an established TCP connection: its long poll.
fn connected(id: u32) -> bool {
    let Ok(table) = std::fs::read_to_string(format!("/proc/{id}/net/tcp")) else {
        return false;
    };
    let folder = std::fs::read_dir(format!("/proc/{id}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let sockets: Vec<String> = folder
        .filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .trim_end_matches(']')
                    .to_owned(),
            )
        })
        .collect();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&"01")
            && fields
                .get(9)
                .is_some_and(|inode| sockets.iter().any(|socket| socket == inode))
    })
}
