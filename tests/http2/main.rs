//! HTTP/2 and WebSocket of the shipped binary against real peers: curl, nghttp, h2load, h2spec, the gRPC of Go with its interop test
//! cases, Gorilla's WebSocket. Peers that are Go programs are built by `cargo xtask peers`.

use ballast_tests::{Process, TempDir, bin, free_port, peer, process, temp_dir, wait_for};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

mod grpc;
mod leaving;
mod spec;
mod tools;
mod websocket;

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running script, in whose text `PORT0`, `PORT1`, ... stand for free ports.
struct Script {
    ports: Vec<u16>,
    process: Process,
    folder: TempDir,
}

impl Script {
    /// Starts it, and waits until all its ports listen. `prepare` puts further files into its folder.
    fn start(text: &str, ports: usize, prepare: impl FnOnce(&Path)) -> Self {
        let ports: Vec<u16> = (0..ports).map(|_| free_port()).collect();
        let mut text = text.to_owned();
        for (index, port) in ports.iter().enumerate() {
            text = text.replace(&format!("PORT{index}"), &port.to_string());
        }
        let folder = temp_dir();
        let main = folder.path().join("main.js");
        std::fs::write(&main, text).expect("write the script");
        prepare(folder.path());
        let process =
            Process::spawn("ballast run", Command::new(bin("ballast")).arg("run").arg(&main)).expect("it starts");
        for port in &ports {
            listens(*port, &process);
        }
        Script { ports, process, folder }
    }
}

fn listens(port: u16, process: &Process) {
    wait_for(DEADLINE, &format!("port {port} of {}", process.output()), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// Runs a program to its end: whether it succeeded, and what it said.
fn run(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(args);
    let (status, output) = process::run("peer", &mut command, DEADLINE).expect("it runs and ends");
    (status.success(), output)
}

/// Starts a peer that listens on `port`.
fn serve(name: &str, args: &[&str], port: u16) -> Process {
    let process = Process::spawn(name, Command::new(peer(name)).args(args)).expect("it starts");
    listens(port, &process);
    process
}
