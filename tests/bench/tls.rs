//! CPU of TLS termination on one thread, beside nginx: a P-256 certificate in front of a short answer. Three figures, each
//! CPU time of the process over a bounded run: a request on a kept connection (wrk), a connection with a full
//! handshake and one with a resumed session (`openssl s_time`). Rounds are interleaved and medians compared.

use crate::load::requests;
use crate::peers::{cpu_micros, median, start};
use crate::table::Table;
use ballast_tests::{Process, bin, free_port, process, temp_dir};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ROUNDS: usize = 5;
const SECONDS: u64 = 1;

/// What is measured, with the arguments of its client; the port comes last.
const LOADS: [(&str, &str, &[&str]); 5] = [
    ("request on a kept connection", "wrk", &["-t1", "-c32", "-d1s"]),
    (
        "full handshake, TLS 1.3",
        "openssl",
        &["s_time", "-www", "/", "-time", "1", "-tls1_3", "-new"],
    ),
    (
        "full handshake, TLS 1.2",
        "openssl",
        &["s_time", "-www", "/", "-time", "1", "-tls1_2", "-new"],
    ),
    (
        "resumed, TLS 1.3",
        "openssl",
        &["s_time", "-www", "/", "-time", "1", "-tls1_3", "-reuse"],
    ),
    (
        "resumed, TLS 1.2",
        "openssl",
        &["s_time", "-www", "/", "-time", "1", "-tls1_2", "-reuse"],
    ),
];

struct Server {
    name: &'static str,
    port: u16,
    process: Process,
    micros: [Vec<f64>; LOADS.len()],
}

pub(crate) fn run() -> Table {
    let folder = temp_dir();
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench".split(' '))
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut servers = [
        server("nginx", |port| nginx(folder.path(), port)),
        server("ballast", |port| ballast(folder.path(), port)),
    ];
    for round in 0..=ROUNDS {
        for (index, (_, program, args)) in LOADS.iter().enumerate() {
            for server in &mut servers {
                let before = cpu_micros(server.process.id());
                let done = load(program, args, server.port);
                let micros = (cpu_micros(server.process.id()) - before) / done;
                // The first round warms up.
                if let Some(all) = server.micros.get_mut(index)
                    && round > 0
                {
                    all.push(micros);
                }
            }
        }
    }
    report(&mut servers)
}

fn report(servers: &mut [Server; 2]) -> Table {
    let mut table = Table::new("TLS termination, one thread: CPU");
    let [nginx, ballast] = servers;
    for ((what, ..), (theirs, ours)) in LOADS.iter().zip(nginx.micros.iter_mut().zip(&mut ballast.micros)) {
        let (theirs, ours) = (median(theirs), median(ours));
        table.note(format!("{what}: {}", nginx.name), format!("{theirs:.1} µs"));
        table.note(format!("{what}: {}", ballast.name), format!("{ours:.1} µs"));
        table.at_most(format!("{what}: ratio"), ours / theirs, 1.0, "×");
    }
    table
}

fn server(name: &'static str, command: impl FnOnce(u16) -> Command) -> Server {
    let port = free_port();
    let process = start(name, port, &mut command(port));
    Server {
        name,
        port,
        process,
        micros: Default::default(),
    }
}

fn nginx(folder: &Path, port: u16) -> Command {
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {0}/c; proxy_temp_path {0}/p;
fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
server {{ listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {0}/cert.pem;
ssl_certificate_key {0}/key.pem; location / {{ return 200 'hello'; }} }} }}",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

fn ballast(folder: &Path, port: u16) -> Command {
    let script = format!(
        "pipy().listen('127.0.0.1:{port}').acceptTLS({{ certificate: {{
  cert: new crypto.Certificate(pipy.load('cert.pem')), key: new crypto.PrivateKey(pipy.load('key.pem')) }} }}).to('hello')
.pipeline('hello').serveHTTP(new Message('hello'))"
    );
    let path = folder.join("tls.js");
    std::fs::write(&path, script).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}

/// One bounded run of a client; gives the number of requests or connections.
fn load(program: &str, args: &[&str], port: u16) -> f64 {
    let mut command = Command::new(program);
    if program == "wrk" {
        command.args(args).arg(format!("https://127.0.0.1:{port}/"));
    } else {
        command.args(args).args(["-connect", &format!("127.0.0.1:{port}")]);
    }
    let (status, output) =
        process::run(program, &mut command, Duration::from_secs(SECONDS + 20)).expect("it is installed");
    assert!(
        status.success() && !output.contains("Non-2xx") && !output.contains("Socket errors"),
        "{program} {args:?}:\n{output}"
    );
    if program == "wrk" {
        return requests(&output);
    }
    // "*" a full handshake, "r" a resumed one.
    let is_resumed = args.contains(&"-reuse");
    assert!(
        !is_resumed || output.contains("rrrr"),
        "no session is resumed:\n{output}"
    );
    let connections = output
        .split(" connections in")
        .next()
        .and_then(|text| text.split_whitespace().last());
    connections
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("openssl printed no number of connections:\n{output}"))
}
