//! CPU per request of HTTP/2 without TLS on one thread, 4 connections with 32 streams each, beside nginx and haproxy: an answer of
//! one's own, and a reverse proxy to HTTP/1. utime + stime of the process over a bounded h2load run, divided by the requests. Rounds
//! are interleaved and medians compared, because machines are shared.

use crate::peers::{cpu_micros, median, start};
use crate::table::Table;
use ballast_tests::{Process, bin, free_port, process, temp_dir};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ROUNDS: usize = 5;
const REQUESTS: u32 = 60_000;
const BODY: &str = "0123456789abcdef0123456789abcdef";

/// What a server does.
#[derive(Clone, Copy)]
enum Task {
    /// It answers by itself.
    Hello,
    /// It asks this port, in HTTP/1.
    Proxy(u16),
}

struct Server {
    port: u16,
    process: Process,
    micros: Vec<f64>,
}

pub(crate) fn run() -> Table {
    let folder = temp_dir();
    let backend = free_port();
    let _backend = start(
        "backend",
        backend,
        &mut nginx(folder.path(), "backend", backend, "", Task::Hello),
    );
    let mut table = Table::new("HTTP/2 without TLS, 4 connections of 32 streams, one thread: CPU per request");
    for (name, task) in [("hello", Task::Hello), ("to HTTP/1", Task::Proxy(backend))] {
        let folder = folder.path();
        let mut servers = vec![
            server("nginx", |port| {
                nginx(folder, &format!("nginx {name}"), port, "http2", task)
            }),
            server("haproxy", |port| haproxy(folder, port, task)),
            server("ballast", |port| ballast(folder, port, task)),
        ];
        measure(&mut servers);
        let medians: Vec<f64> = servers.iter().map(|server| median(&server.micros)).collect();
        if let [nginx, haproxy, ballast] = medians[..] {
            table.note(format!("{name}: nginx"), format!("{nginx:.2} µs"));
            table.note(format!("{name}: haproxy"), format!("{haproxy:.2} µs"));
            table.note(format!("{name}: ballast"), format!("{ballast:.2} µs"));
            table.note(format!("{name}: ballast / nginx"), format!("{:.2} ×", ballast / nginx));
            table.at_most(format!("{name}: ballast / haproxy"), ballast / haproxy, 1.0, "×");
        }
    }
    table
}

fn measure(servers: &mut [Server]) {
    for round in 0..=ROUNDS {
        for server in &mut *servers {
            let before = cpu_micros(server.process.id());
            load(server.port);
            let micros = (cpu_micros(server.process.id()) - before) / f64::from(REQUESTS);
            // The first round warms up.
            if round > 0 {
                server.micros.push(micros);
            }
        }
    }
}

fn server(name: &str, command: impl FnOnce(u16) -> Command) -> Server {
    let port = free_port();
    Server {
        port,
        process: start(name, port, &mut command(port)),
        micros: Vec::new(),
    }
}

fn load(port: u16) {
    let mut h2load = Command::new("h2load");
    let requests = REQUESTS.to_string();
    let url = format!("http://127.0.0.1:{port}/some/path");
    h2load.args(["-c", "4", "-m", "32", "-n", &requests, &url]);
    let (status, output) = process::run("h2load", &mut h2load, Duration::from_secs(60)).expect("h2load is installed");
    let all = format!("{REQUESTS} succeeded");
    assert!(
        status.success() && output.contains(&all) && output.contains("0 4xx, 0 5xx"),
        "h2load:\n{output}"
    );
}

fn nginx(folder: &Path, name: &str, port: u16, protocol: &str, task: Task) -> Command {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let (place, up) = match task {
        Task::Hello => (format!("return 200 '{BODY}';"), String::new()),
        Task::Proxy(port) => (
            "proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection '';".to_owned(),
            format!("upstream up {{ server 127.0.0.1:{port}; keepalive 256; }}"),
        ),
    };
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/{name}.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {0}/{name}-c; proxy_temp_path {0}/{name}-p;
fastcgi_temp_path {0}/{name}-f; uwsgi_temp_path {0}/{name}-u; scgi_temp_path {0}/{name}-s; {up}
server {{ listen 127.0.0.1:{port} {protocol}; location / {{ {place} }} }} }}",
        folder.display()
    );
    let path = folder.join(format!("{name}.conf"));
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

fn haproxy(folder: &Path, port: u16, task: Task) -> Command {
    let answer = match task {
        Task::Hello => format!("  http-request return status 200 content-type text/plain string {BODY}\n"),
        Task::Proxy(port) => {
            format!("  default_backend b\nbackend b\n  http-reuse always\n  server s 127.0.0.1:{port}\n")
        }
    };
    let config = format!(
        "global\n  nbthread 1\n  maxconn 1024\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s
frontend f\n  bind 127.0.0.1:{port} proto h2\n{answer}"
    );
    let path = folder.join(format!("haproxy{port}.cfg"));
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

fn ballast(folder: &Path, port: u16, task: Task) -> Command {
    let filter = match task {
        Task::Hello => format!("serveHTTP(new Message({{ headers: {{ 'content-type': 'text/plain' }} }}, '{BODY}'))"),
        Task::Proxy(port) => {
            format!("demuxHTTP().to($ => $.muxHTTP(() => 'up').to($ => $.connect('127.0.0.1:{port}')))")
        }
    };
    let path = folder.join(format!("ballast{port}.js"));
    std::fs::write(&path, format!("pipy().listen('127.0.0.1:{port}').{filter}"))
        .expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}
