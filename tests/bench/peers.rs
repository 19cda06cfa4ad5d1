//! Servers side by side in one run: starting them, the CPU that they use, rounds that take turns. Not for: what is asked
//! of them (the tables) nor how (load.rs).

use ballast_tests::process::descendants;
use ballast_tests::{Process, bin, free_port, poll};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Rounds that count. Machines are shared: rounds are interleaved, and medians compared.
pub(crate) const ROUNDS: usize = 7;

/// One of the servers that are compared, and what it used in each round.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) process: Process,
    pub(crate) figures: Vec<f64>,
}

impl Peer {
    /// Starts `command`, which is told the port, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn start(name: &'static str, command: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let process = start(name, port, &mut command(port));
        Peer {
            name,
            port,
            process,
            figures: Vec::new(),
        }
    }

    /// CPU that the process uses while `work` runs, microseconds for each of what `work` counts.
    pub(crate) fn micros_each(&self, work: impl FnOnce(u16) -> f64) -> f64 {
        let before = cpu_micros(self.process.id());
        let count = work(self.port);
        (cpu_micros(self.process.id()) - before) / count
    }

    /// The median of its rounds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.figures)
    }
}

/// Starts a server and waits until it listens.
///
/// # Panics
/// When it does not.
pub(crate) fn start(name: &str, port: u16, command: &mut Command) -> Process {
    let mut process = Process::spawn(name, command).expect("it is installed: cargo xtask bench installs the peers");
    let up = poll(Duration::from_secs(20), || {
        let connected = TcpStream::connect(("127.0.0.1", port)).is_ok();
        (connected || !process.is_running()).then_some(connected)
    });
    assert_eq!(
        up,
        Some(true),
        "{name} did not listen on {port}; it said:\n{}",
        process.output()
    );
    process
}

/// Lets the peers take turns: `measure` gives a figure a turn. The first round warms up and does not count.
pub(crate) fn rounds(peers: &mut [Peer], rounds: usize, mut measure: impl FnMut(&Peer) -> f64) {
    for round in 0..=rounds {
        for peer in &mut *peers {
            let figure = measure(peer);
            if round > 0 {
                peer.figures.push(figure);
            }
        }
    }
}

/// CPU time of all threads of a process that live, microseconds.
pub(crate) fn cpu_micros(id: u32) -> f64 {
    threads_micros(id, "").iter().sum()
}

/// The same for each thread whose name begins so, in order of their ids.
pub(crate) fn threads_micros(id: u32, name: &str) -> Vec<f64> {
    let folder = std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
    let mut threads: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    threads.sort();
    let named = |path: &Path| std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.starts_with(name));
    let threads = threads.iter().filter(|path| named(path));
    threads.map(|path| thread_micros(path)).collect()
}

/// The same for each process that a process has started.
pub(crate) fn children_micros(id: u32) -> Vec<f64> {
    descendants(id).into_iter().map(cpu_micros).collect()
}

/// CPU time of one thread: the first field of schedstat, nanoseconds, where stat has ticks of 10 ms.
fn thread_micros(thread: &Path) -> f64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).expect("the kernel has CONFIG_SCHED_INFO");
    let nanos = text
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.expect("a number") / 1000.0
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// nginx with one worker and one server. `http` stands in the http block, `location` in the server's only location.
pub(crate) fn nginx(folder: &Path, name: &str, port: u16, http: &str, location: &str) -> Command {
    let listen = format!("{port} backlog=8192");
    nginx_of(
        "master_process off; worker_processes 1;",
        folder,
        name,
        &listen,
        http,
        location,
    )
}

/// nginx with so many workers below its master, a listening socket each.
pub(crate) fn nginx_workers(workers: usize, folder: &Path, name: &str, port: u16, location: &str) -> Command {
    // As root it would make its workers another user.
    let processes = format!("user root; worker_processes {workers};");
    let listen = format!("{port} backlog=8192 reuseport");
    nginx_of(&processes, folder, name, &listen, "", location)
}

fn nginx_of(processes: &str, folder: &Path, name: &str, listen: &str, http: &str, location: &str) -> Command {
    let config = format!(
        "daemon off; {processes} pid {0}/{name}.pid; error_log stderr crit;
worker_rlimit_nofile 20000; events {{ worker_connections 10000; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {0}/{name}-c; proxy_temp_path {0}/{name}-p;
fastcgi_temp_path {0}/{name}-f; uwsgi_temp_path {0}/{name}-u; scgi_temp_path {0}/{name}-s; {http}
server {{ listen 127.0.0.1:{listen}; location / {{ {location} }} }} }}",
        folder.display()
    );
    let path = write(folder, &format!("{name}.conf"), &config);
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

/// haproxy with one thread. `sections` are its frontends and backends.
pub(crate) fn haproxy(folder: &Path, name: &str, mode: &str, sections: &str) -> Command {
    let config = format!(
        "global\n  nbthread 1\n  maxconn 8000\ndefaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n{sections}\n"
    );
    let path = write(folder, &format!("{name}.cfg"), &config);
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

/// `ballast run` of this script, with these flags before it.
pub(crate) fn ballast(folder: &Path, name: &str, flags: &[&str], script: &str) -> Command {
    let path = write(folder, &format!("{name}.js"), script);
    let mut command = Command::new(bin("ballast"));
    command.arg("run").args(flags).arg(path);
    command
}

/// Writes a file; gives its path.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the temporary folder is writable");
    path
}
