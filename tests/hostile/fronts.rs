//! The three proxies: nginx, haproxy and ours, each with limits of two seconds for a peer that does not go on.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ballast_tests::{Process, TempDir, bin, free_port, poll, temp_dir};

/// A running proxy.
pub(crate) struct Front {
    pub(crate) port: u16,
    process: Process,
    _folder: TempDir,
}

impl Front {
    /// nginx, haproxy and ours, in this order.
    pub(crate) fn all(behind: u16) -> Vec<Front> {
        Self::start([behind; 3], "")
    }

    /// The same for HTTP/2 without TLS, each before a server of its own.
    pub(crate) fn all_of_http2(behind: [u16; 3]) -> Vec<Front> {
        Self::start(behind, "http2")
    }

    /// Ours, with a limit that does not matter.
    pub(crate) fn patient(behind: u16) -> Front {
        Self::one(
            "ballast",
            |folder, port, behind, _| ballast(folder, port, behind, "patient"),
            behind,
            "",
        )
    }

    /// Ours, with a script that reads and writes the heads of both directions.
    pub(crate) fn looking(behind: u16) -> Front {
        Self::one(
            "ballast",
            |folder, port, behind, _| ballast(folder, port, behind, "looking"),
            behind,
            "",
        )
    }

    /// Memory of the process, KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        kib.expect("a process has memory")
    }

    /// `protocol` is what nginx has to be told; the others find out.
    fn start(behind: [u16; 3], protocol: &str) -> Vec<Front> {
        let fronts: [(&str, MakeFn); 3] = [("nginx", nginx), ("haproxy", haproxy), ("ballast", ballast)];
        let fronts = fronts.into_iter().zip(behind);
        fronts
            .map(|((name, make), behind)| Self::one(name, make, behind, protocol))
            .collect()
    }

    fn one(name: &str, make: MakeFn, behind: u16, protocol: &str) -> Front {
        let (folder, port) = (temp_dir(), free_port());
        let command = &mut make(folder.path(), port, behind, protocol);
        let mut process = Process::spawn(name, command).expect("it is installed");
        let up = poll(Duration::from_secs(20), || {
            let connected = TcpStream::connect(("127.0.0.1", port)).is_ok();
            (connected || !process.is_running()).then_some(connected)
        });
        assert_eq!(up, Some(true), "{name} does not listen:\n{}", process.output());
        Front {
            port,
            process,
            _folder: folder,
        }
    }
}

/// Makes the command of a front: its folder, its port, that of the server behind, a word.
type MakeFn = fn(&Path, u16, u16, &str) -> Command;

fn nginx(folder: &Path, port: u16, behind: u16, protocol: &str) -> Command {
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{ access_log off; client_header_timeout 2s; client_body_timeout 2s; lingering_close off; proxy_ignore_client_abort on;
client_body_temp_path {0}/c; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
server {{ listen 127.0.0.1:{port} {protocol}; location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
proxy_set_header Connection ''; }} }} }}",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

fn haproxy(folder: &Path, port: u16, behind: u16, _protocol: &str) -> Command {
    let config = format!(
        "global\n  nbthread 1\n  maxconn 256\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 2s\n  \
         timeout http-request 2s\n  timeout server 4s\n\
         frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n  server s 127.0.0.1:{behind}\n"
    );
    let path = folder.join("haproxy.cfg");
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    command
}

fn ballast(folder: &Path, port: u16, behind: u16, word: &str) -> Command {
    let idle = if word == "patient" { 60 } else { 2 };
    let (asks, answers) = match word {
        "looking" => (
            ".handleMessageStart(m => { m.head.headers['x-set'] = '1'; m.head.headers['x-saw-te'] = m.head.headers.te })",
            ".handleMessageStart(m => { m.head.headers['x-saw-upgrade'] = m.head.headers.upgrade })",
        ),
        _ => ("", ""),
    };
    let script = format!(
        "pipy().listen('127.0.0.1:{port}', {{ idleTimeout: {idle} }}).demuxHTTP()\
         .to($ => ${asks}.muxHTTP().to($ => $.connect('127.0.0.1:{behind}', {{ idleTimeout: 4 }})){answers})"
    );
    let path = folder.join("front.js");
    std::fs::write(&path, script).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}
