//! CPU seconds for each GB that a TCP relay passes on, each way, beside haproxy.

use crate::peers::{Peer, ballast, cpu_micros, haproxy, rounds};
use crate::table::Table;
use ballast_tests::temp_dir;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const ROUNDS: usize = 5;
const BYTES: usize = 1 << 30;
const BLOCK: usize = 256 << 10;

pub(crate) fn run() -> Table {
    let folder = temp_dir();
    let folder = folder.path();
    let mut table = Table::new("TCP relay, one thread: CPU seconds per GB");
    for (way, serve, use_it) in [
        ("towards the server", drain as fn(TcpStream), upload as fn(u16)),
        ("towards the client", fill, download),
    ] {
        let up = server(serve);
        let mut peers = vec![
            Peer::start("haproxy", |port| {
                let section = format!(
                    "frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n  server s 127.0.0.1:{up}"
                );
                haproxy(folder, "haproxy", "tcp", &section)
            }),
            Peer::start("ballast", |port| {
                let script = format!("pipy().listen('127.0.0.1:{port}').connect('127.0.0.1:{up}')");
                ballast(folder, "relay", &[], &script)
            }),
        ];
        rounds(&mut peers, ROUNDS, |peer| {
            let before = cpu_micros(peer.process.id());
            use_it(peer.port);
            (cpu_micros(peer.process.id()) - before) / 1e6 / (BYTES as f64 / 1e9)
        });
        for peer in &peers {
            table.note(format!("{}, {way}", peer.name), format!("{:.3} s", peer.median()));
        }
        if let [haproxy, ballast] = &peers[..] {
            let ratio = ballast.median() / haproxy.median();
            table.at_most(format!("ballast / haproxy, {way}"), ratio, 1.0, "×");
        }
    }
    table
}

/// A server on a port of its own, a thread a connection; lives as long as this program.
fn server(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads all, then says so with a byte.
fn drain(mut stream: TcpStream) {
    if read(&mut stream) >= BYTES {
        stream.write_all(b".").expect("the relay reads");
    }
}

/// Writes all when asked by a byte: `connect` opens its connection at the first one.
fn fill(mut stream: TcpStream) {
    // A connection that only asks whether somebody listens closes at once.
    if stream.read_exact(&mut [0]).is_ok() {
        write(&mut stream).ok();
    }
}

fn upload(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the relay listens");
    write(&mut stream).expect("the relay reads");
    let mut told = [0];
    stream.read_exact(&mut told).expect("the server got all");
}

fn download(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the relay listens");
    stream.write_all(b".").expect("the relay reads");
    assert!(read(&mut stream) >= BYTES, "the relay closed early");
}

fn read(stream: &mut TcpStream) -> usize {
    let mut buffer = vec![0; BLOCK];
    let mut all = 0;
    while all < BYTES {
        match stream.read(&mut buffer) {
            Ok(size @ 1..) => all += size,
            _ => break,
        }
    }
    all
}

fn write(stream: &mut TcpStream) -> std::io::Result<()> {
    let buffer = vec![b'x'; BLOCK];
    (0..BYTES / BLOCK).try_for_each(|_| stream.write_all(&buffer))
}
