//! CPU per request of HTTP/2 on one thread, 4 connections with 32 streams each, beside nginx and haproxy: an answer of one's own with
//! and without TLS, and a reverse proxy to HTTP/1. CPU time of the process over a bounded h2load run, divided by the requests. Rounds are
//! interleaved and medians compared, because machines are shared.

use crate::peers::{cpu_micros, median, start};
use crate::table::Table;
use ballast_tests::{Process, bin, free_port, process, temp_dir};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ROUNDS: usize = 7;
const REQUESTS: u32 = 60_000;
const BODY: &str = "0123456789abcdef0123456789abcdef";

/// What a server does.
#[derive(Clone, Copy)]
enum Task {
    /// It answers by itself.
    Hello,
    /// The same behind TLS.
    Tls,
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
    certificate(folder.path());
    let mut table = Table::new("HTTP/2, 4 connections of 32 streams, one thread: CPU per request");
    for (name, task) in [
        ("hello", Task::Hello),
        ("hello over TLS", Task::Tls),
        ("to HTTP/1", Task::Proxy(backend)),
    ] {
        let folder = folder.path();
        let mut servers = vec![
            server("nginx", |port| {
                let protocol = if matches!(task, Task::Tls) {
                    "ssl http2"
                } else {
                    "http2"
                };
                nginx(folder, &format!("nginx {name}"), port, protocol, task)
            }),
            server("haproxy", |port| haproxy(folder, port, task)),
            server("ballast", |port| ballast(folder, port, task)),
        ];
        measure(&mut servers, task.scheme());
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

impl Task {
    fn scheme(self) -> &'static str {
        if matches!(self, Task::Tls) { "https" } else { "http" }
    }
}

/// A P-256 certificate as cert.pem and key.pem, and both as both.pem for haproxy.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench".split(' '))
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("openssl wrote it");
    let both = read("cert.pem") + &read("key.pem");
    std::fs::write(folder.join("both.pem"), both).expect("the temporary folder is writable");
}

fn measure(servers: &mut [Server], scheme: &str) {
    for round in 0..=ROUNDS {
        for server in &mut *servers {
            let before = cpu_micros(server.process.id());
            load(scheme, server.port);
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

fn load(scheme: &str, port: u16) {
    let mut h2load = Command::new("h2load");
    let requests = REQUESTS.to_string();
    let url = format!("{scheme}://127.0.0.1:{port}/some/path");
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
        Task::Tls => (
            format!("return 200 '{BODY}';"),
            format!(
                "ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;",
                folder.display()
            ),
        ),
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
        Task::Hello | Task::Tls => format!("  http-request return status 200 content-type text/plain string {BODY}\n"),
        Task::Proxy(port) => {
            format!("  default_backend b\nbackend b\n  http-reuse always\n  server s 127.0.0.1:{port}\n")
        }
    };
    let bind = match task {
        Task::Tls => format!("ssl crt {}/both.pem alpn h2", folder.display()),
        _ => "proto h2".to_owned(),
    };
    let config = format!(
        "global\n  nbthread 1\n  maxconn 1024\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s
frontend f\n  bind 127.0.0.1:{port} {bind}\n{answer}"
    );
    let path = folder.join(format!("haproxy{port}.cfg"));
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

fn ballast(folder: &Path, port: u16, task: Task) -> Command {
    let filter = match task {
        Task::Hello | Task::Tls => {
            format!("serveHTTP(new Message({{ headers: {{ 'content-type': 'text/plain' }} }}, '{BODY}'))")
        }
        Task::Proxy(port) => {
            format!("demuxHTTP().to($ => $.muxHTTP(() => 'up').to($ => $.connect('127.0.0.1:{port}')))")
        }
    };
    let script = match task {
        Task::Tls => format!(
            "pipy().listen('127.0.0.1:{port}').acceptTLS({{ alpn: ['h2'], certificate: {{
  cert: new crypto.Certificate(pipy.load('cert.pem')), key: new crypto.PrivateKey(pipy.load('key.pem')) }} }}).to($ => $.{filter})"
        ),
        _ => format!("pipy().listen('127.0.0.1:{port}').{filter}"),
    };
    let path = folder.join(format!("ballast{port}.js"));
    std::fs::write(&path, script).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}
