//! CPU per request of an HTTP/1.1 reverse proxy on one thread, beside nginx and haproxy: utime + stime of the process over
//! a bounded wrk run, divided by the requests. Rounds are interleaved and medians compared, because machines are shared.

use crate::table::Table;
use ballast_tests::{Process, bin, free_port, poll, process, temp_dir};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ROUNDS: usize = 7;
const CONNECTIONS: usize = 32;
const SECONDS: u64 = 2;
const UPSTREAM_BODY: &str = "0123456789abcdef0123456789abcdef";

/// A proxy in front of the backend.
struct Proxy {
    name: &'static str,
    port: u16,
    process: Process,
    micros: Vec<f64>,
}

pub(crate) fn run() -> Table {
    let folder = temp_dir();
    let backend = free_port();
    let _backend = start("backend", backend, &mut nginx(folder.path(), "backend", backend, None));
    let plain = format!("muxHTTP().to($ => $.connect('127.0.0.1:{backend}'))");
    let reading = format!(
        "handleMessageStart(msg => _host = msg.head.headers.host).muxHTTP().to($ => $.connect('127.0.0.1:{backend}'))"
    );
    let mut proxies = vec![
        proxy("nginx", |port| nginx(folder.path(), "nginx", port, Some(backend))),
        proxy("haproxy", |port| haproxy(folder.path(), port, backend)),
        proxy("ballast", |port| ballast(folder.path(), "plain", port, &plain)),
        proxy("ballast, a callback reads the head", |port| {
            ballast(folder.path(), "reading", port, &reading)
        }),
    ];
    for round in 0..=ROUNDS {
        for proxy in &mut proxies {
            let before = cpu_micros(proxy.process.id());
            let requests = load(proxy.port);
            let micros = (cpu_micros(proxy.process.id()) - before) / requests;
            // The first round warms up.
            if round > 0 {
                proxy.micros.push(micros);
            }
        }
    }
    report(&mut proxies)
}

fn report(proxies: &mut [Proxy]) -> Table {
    let mut table = Table::new("HTTP/1.1 reverse proxy, one thread: CPU per request");
    let medians: Vec<f64> = proxies.iter_mut().map(|proxy| median(&mut proxy.micros)).collect();
    for (proxy, micros) in proxies.iter().zip(&medians) {
        table.note(proxy.name, format!("{micros:.1} µs"));
    }
    if let [nginx, haproxy, plain, reading] = medians[..] {
        table.at_most("ballast / nginx", plain / nginx, 1.3, "×");
        table.note("ballast / haproxy", format!("{:.2} ×", plain / haproxy));
        table.note("reading / nginx", format!("{:.2} ×", reading / nginx));
    }
    table
}

fn proxy(name: &'static str, command: impl FnOnce(u16) -> Command) -> Proxy {
    let port = free_port();
    let process = start(name, port, &mut command(port));
    Proxy {
        name,
        port,
        process,
        micros: Vec::new(),
    }
}

pub(crate) fn start(name: &str, port: u16, command: &mut Command) -> Process {
    let mut process = Process::spawn(name, command).expect("it is installed: cargo xtask bench installs the peers");
    let up = poll(Duration::from_secs(10), || {
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

fn nginx(folder: &Path, name: &str, port: u16, upstream: Option<u16>) -> Command {
    let place = match upstream {
        None => format!("return 200 '{UPSTREAM_BODY}';"),
        Some(_) => "proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection '';".to_owned(),
    };
    let up = upstream.map_or_else(String::new, |port| {
        format!("upstream up {{ server 127.0.0.1:{port}; keepalive 128; }}")
    });
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/{name}.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {0}/{name}-c; proxy_temp_path {0}/{name}-p;
fastcgi_temp_path {0}/{name}-f; uwsgi_temp_path {0}/{name}-u; scgi_temp_path {0}/{name}-s; {up}
server {{ listen 127.0.0.1:{port}; location / {{ {place} }} }} }}",
        folder.display()
    );
    let path = folder.join(format!("{name}.conf"));
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

fn haproxy(folder: &Path, port: u16, upstream: u16) -> Command {
    let config = format!(
        "global\n  nbthread 1\n  maxconn 1024\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s
frontend f\n  bind 127.0.0.1:{port}\n  default_backend b
backend b\n  http-reuse always\n  server s 127.0.0.1:{upstream}\n"
    );
    let path = folder.join("haproxy.cfg");
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

fn ballast(folder: &Path, name: &str, port: u16, filters: &str) -> Command {
    let path = folder.join(format!("{name}.js"));
    let script = format!("pipy({{ _host: '' }}).listen('127.0.0.1:{port}').demuxHTTP().to($ => $.{filters})");
    std::fs::write(&path, script).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}

/// One bounded wrk run; gives the number of requests.
fn load(port: u16) -> f64 {
    let mut wrk = Command::new("wrk");
    wrk.args([
        "-t1",
        &format!("-c{CONNECTIONS}"),
        &format!("-d{SECONDS}s"),
        &format!("http://127.0.0.1:{port}/some/path"),
    ]);
    let (status, output) = process::run("wrk", &mut wrk, Duration::from_secs(SECONDS + 20)).expect("wrk is installed");
    assert!(
        status.success() && !output.contains("Non-2xx") && !output.contains("Socket errors"),
        "wrk:\n{output}"
    );
    requests(&output)
}

/// The number of requests that wrk prints.
pub(crate) fn requests(output: &str) -> f64 {
    let requests = output
        .split(" requests in")
        .next()
        .and_then(|text| text.split_whitespace().last());
    requests
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("wrk printed no number of requests:\n{output}"))
}

/// utime + stime of all threads of a process, microseconds. Source: proc(5), fields 14 and 15 of stat.
pub(crate) fn cpu_micros(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("the proxy runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12]
        .iter()
        .filter_map(|index| fields.get(*index)?.parse::<f64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux that this runs on.
    ticks * 10_000.0
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
