//! The three proxies: nginx, haproxy and ours, each with limits of two seconds for a peer that does not go on.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ballast_tests::{Process, TempDir, bin, free_port, poll, temp_dir};

/// A running proxy.
pub(crate) struct Front {
    pub(crate) port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Front {
    /// nginx, haproxy and ours, in this order.
    pub(crate) fn all(behind: u16) -> Vec<Front> {
        [
            ("nginx", nginx as fn(&Path, u16, u16) -> Command),
            ("haproxy", haproxy),
            ("ballast", ballast),
        ]
        .into_iter()
        .map(|(name, command)| {
            let (folder, port) = (temp_dir(), free_port());
            let mut process = Process::spawn(name, &mut command(folder.path(), port, behind)).expect("it is installed");
            let up = poll(Duration::from_secs(20), || {
                let connected = TcpStream::connect(("127.0.0.1", port)).is_ok();
                (connected || !process.is_running()).then_some(connected)
            });
            assert_eq!(up, Some(true), "{name} does not listen:\n{}", process.output());
            Front {
                port,
                _process: process,
                _folder: folder,
            }
        })
        .collect()
    }
}

fn nginx(folder: &Path, port: u16, behind: u16) -> Command {
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{ access_log off; client_header_timeout 2s; client_body_timeout 2s; lingering_close off; proxy_ignore_client_abort on;
client_body_temp_path {0}/c; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
proxy_set_header Connection ''; }} }} }}",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, config).expect("the temporary folder is writable");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path).arg("-p").arg(folder);
    command
}

fn haproxy(folder: &Path, port: u16, behind: u16) -> Command {
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

fn ballast(folder: &Path, port: u16, behind: u16) -> Command {
    let script = format!(
        "pipy().listen('127.0.0.1:{port}', {{ idleTimeout: 2 }}).demuxHTTP()\
         .to($ => $.muxHTTP().to($ => $.connect('127.0.0.1:{behind}', {{ idleTimeout: 4 }})))"
    );
    let path = folder.join("front.js");
    std::fs::write(&path, script).expect("the temporary folder is writable");
    let mut command = Command::new(bin("ballast"));
    command.arg("run").arg(path);
    command
}
