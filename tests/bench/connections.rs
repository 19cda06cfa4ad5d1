//! What connections cost that only stay open, how two threads share them, and how long a start takes.

use crate::load::{Client, paced};
use crate::memory::Memory;
use crate::peers::{Peer, ballast, children_micros, haproxy, median, nginx, nginx_workers, threads_micros};
use crate::table::Table;
use ballast_tests::{Process, bin, free_port, temp_dir};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::HashMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const IDLE: usize = 5000;
const RATE: usize = 10_000;
const CLIENTS: usize = 256;
const STARTS: usize = 11;

/// Private memory of connections that have had one request and wait for the next.
pub(crate) fn idle() -> Table {
    more_files();
    let folder = temp_dir();
    let folder = folder.path();
    let mut table = Table::new("5,000 idle keep-alive connections: private memory of each");
    let peers = [
        Peer::start("nginx", |port| nginx(folder, "nginx", port, "", "return 200 'hello';")),
        Peer::start("haproxy", |port| {
            let rule = "http-request return status 200 content-type text/plain string hello";
            let section = format!("frontend f\n  bind 127.0.0.1:{port}\n  {rule}");
            haproxy(folder, "haproxy", "http", &section)
        }),
        Peer::start("ballast", |port| {
            let script = format!("pipy().listen('127.0.0.1:{port}').serveHTTP(new Message('hello'))");
            ballast(folder, "idle", &[], &script)
        }),
    ];
    let each: Vec<f64> = peers.iter().map(idle_kb).collect();
    for (peer, kb) in peers.iter().zip(&each) {
        table.note(peer.name, format!("{kb:.2} KB"));
    }
    if let [_, haproxy, ballast] = each[..] {
        table.at_most("ballast / haproxy", ballast / haproxy, 2.0, "×");
    }
    table
}

fn idle_kb(peer: &Peer) -> f64 {
    let ask = |client: &mut Client| {
        client.ask();
        client.answer();
    };
    // What the first connections allocate stays for all.
    let mut warm: Vec<Client> = (0..16).map(|_| Client::connect(peer.port)).collect();
    warm.iter_mut().for_each(ask);
    let before = Memory::of(peer.process.id()).private_kb;
    let mut clients: Vec<Client> = (0..IDLE).map(|_| Client::connect(peer.port)).collect();
    clients.iter_mut().for_each(ask);
    (Memory::of(peer.process.id()).private_kb - before) / IDLE as f64
}

/// Our own files and those of what we start: a connection each.
fn more_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("every process has limits");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard).expect("up to the hard limit it is allowed");
}

/// CPU per request at a steady rate with one thread and with two, and which of the two served how many; nginx beside it.
pub(crate) fn threads() -> Table {
    let folder = temp_dir();
    let folder = folder.path();
    let script =
        |port: u16| format!("pipy().listen('127.0.0.1:{port}').serveHTTP(() => new Message(String(pipy.thread.id)))");
    let mut peers = [
        Peer::start("one thread", |port| {
            ballast(folder, "one", &["--threads=1"], &script(port))
        }),
        Peer::start("two threads", |port| {
            ballast(folder, "two", &["--threads=2", "--reuse-port"], &script(port))
        }),
        Peer::start("nginx, one worker", |port| {
            nginx_workers(1, folder, "nginx-one", port, "return 200 '$pid';")
        }),
        Peer::start("nginx, two workers", |port| {
            nginx_workers(2, folder, "nginx-two", port, "return 200 '$pid';")
        }),
    ];
    // What accepts and answers; the rest of the process does nothing.
    let used = |peer: &Peer| -> f64 {
        match peer.name.starts_with("nginx") {
            true => children_micros(peer.process.id()).iter().sum(),
            false => threads_micros(peer.process.id(), "worker").iter().sum(),
        }
    };
    let mut shares = HashMap::<&str, Vec<f64>>::new();
    for round in 0..=5 {
        for peer in &mut peers {
            let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(peer.port)).collect();
            let before = used(peer);
            let bodies = paced(&mut clients, RATE, Duration::from_secs(2));
            let after = used(peer);
            if round == 0 {
                continue;
            }
            peer.figures.push((after - before) / bodies.len() as f64);
            let mut served: HashMap<&str, usize> = HashMap::new();
            bodies.iter().for_each(|body| *served.entry(body).or_default() += 1);
            let most = served.values().max().copied().unwrap_or(bodies.len());
            let share = 100.0 * most as f64 / bodies.len() as f64;
            shares.entry(peer.name).or_default().push(share);
        }
    }
    let mut table = Table::new("Two threads at 10,000 requests a second over 256 connections");
    for peer in &peers {
        table.note(
            format!("{}, CPU per request", peer.name),
            format!("{:.2} µs", peer.median()),
        );
    }
    let share = |peer: &Peer| median(shares.get(peer.name).map_or(&[], Vec::as_slice));
    let [one, two, nginx_one, nginx_two] = &peers;
    table.note(
        "nginx, two workers / one",
        format!(
            "{:.2} ×; the busier serves {:.0} %",
            nginx_two.median() / nginx_one.median(),
            share(nginx_two)
        ),
    );
    table.at_most(
        "two threads / one, CPU per request",
        two.median() / one.median(),
        1.1,
        "×",
    );
    table.at_most("requests that the busier of two serves", share(two), 60.0, "%");
    table
}

/// From exec to the first connection that is accepted; size of the file.
pub(crate) fn start() -> Table {
    let folder = temp_dir();
    let mut table = Table::new("Start of ballast");
    let times: Vec<f64> = (0..STARTS).map(|_| start_millis(folder.path())).collect();
    table.at_most("start to listening, median", median(&times), 10.0, "ms");
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    table.note("start to listening, fastest", format!("{fastest:.1} ms"));
    let bytes = std::fs::metadata(bin("ballast")).expect("it is built").len() as f64 / 1e6;
    table.at_most("ballast, file, stripped", bytes, 8.0, "MB");
    table
}

fn start_millis(folder: &std::path::Path) -> f64 {
    let port = free_port();
    let script = format!("pipy().listen('127.0.0.1:{port}').serveHTTP(new Message('hello'))");
    let mut command = ballast(folder, "start", &[], &script);
    let since = Instant::now();
    let mut process = Process::spawn("ballast", &mut command).expect("it is built");
    // Not `poll`: its pause is longer than what is measured.
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(process.is_running(), "it ended: {}", process.output());
        std::thread::sleep(Duration::from_micros(100));
    }
    since.elapsed().as_secs_f64() * 1e3
}
