//! CPU per request over HTTP/1.1 on one thread, beside nginx and haproxy: a reverse proxy, the same with a callback, and
//! a constant answer. CPU time of the process over a bounded wrk run, divided by the requests.

use crate::load::wrk;
use crate::peers::{Peer, ROUNDS, ballast, haproxy, nginx, rounds};
use crate::table::Table;
use ballast_tests::temp_dir;
use std::process::Command;

const CONNECTIONS: usize = 32;
const BODY: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn proxy() -> Table {
    let folder = temp_dir();
    let folder = folder.path();
    let backend = Peer::start("backend", |port| {
        nginx(folder, "backend", port, "", &format!("return 200 '{BODY}';"))
    });
    let up = backend.port;
    let http = format!("upstream up {{ server 127.0.0.1:{up}; keepalive 128; }}");
    let location = "proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection '';";
    let section = |port: u16, rule: &str| {
        format!(
            "frontend f\n  bind 127.0.0.1:{port}\n{rule}  default_backend b\nbackend b\n  http-reuse always\n  server s 127.0.0.1:{up}"
        )
    };
    let script = |port: u16, callback: &str| {
        format!(
            "pipy({{ _path: '' }}).listen('127.0.0.1:{port}').demuxHTTP().to($ => ${callback}.muxHTTP().to($ => $.connect('127.0.0.1:{up}')))"
        )
    };
    let callback = ".handleMessageStart(msg => { _path = msg.head.path; msg.head.headers['x-from'] = 'ballast' })";
    let mut peers = vec![
        Peer::start("nginx", |port| nginx(folder, "nginx", port, &http, location)),
        Peer::start("haproxy", |port| haproxy(folder, "haproxy", "http", &section(port, ""))),
        Peer::start("ballast", |port| ballast(folder, "plain", &[], &script(port, ""))),
        Peer::start("nginx, sets a header", |port| {
            let location = format!("{location} proxy_set_header x-from nginx;");
            nginx(folder, "nginx-header", port, &http, &location)
        }),
        Peer::start("ballast, a callback reads the path and sets a header", |port| {
            ballast(folder, "callback", &[], &script(port, callback))
        }),
        Peer::start("bare epoll forwarder", |port| forwarder(port, up)),
    ];
    rounds(&mut peers, ROUNDS, |peer| {
        peer.micros_each(|port| wrk(port, CONNECTIONS, &[]))
    });
    let mut table = Table::new("HTTP/1.1 reverse proxy, one thread: CPU per request");
    note(&mut table, &peers);
    if let [nginx, haproxy, plain, nginx_header, callback, _] = &peers[..] {
        table.at_most("ballast / nginx", plain.median() / nginx.median(), 0.85, "×");
        table.at_most("ballast / haproxy", plain.median() / haproxy.median(), 0.85, "×");
        table.at_most(
            "with a callback / nginx",
            callback.median() / nginx_header.median(),
            1.0,
            "×",
        );
    }
    table
}

pub(crate) fn hello() -> Table {
    let folder = temp_dir();
    let folder = folder.path();
    let mut peers = vec![
        Peer::start("nginx, return 200", |port| {
            nginx(folder, "nginx", port, "", &format!("return 200 '{BODY}';"))
        }),
        Peer::start("haproxy, http-request return", |port| {
            let section = format!(
                "frontend f\n  bind 127.0.0.1:{port}\n  http-request return status 200 content-type text/plain string {BODY}"
            );
            haproxy(folder, "haproxy", "http", &section)
        }),
        Peer::start("ballast, serveHTTP", |port| {
            let head = "{ status: 200, headers: { 'content-type': 'text/plain', server: 'ballast' } }";
            let script = format!("pipy().listen('127.0.0.1:{port}').serveHTTP(new Message({head}, '{BODY}'))");
            ballast(folder, "hello", &[], &script)
        }),
    ];
    rounds(&mut peers, ROUNDS, |peer| {
        peer.micros_each(|port| wrk(port, CONNECTIONS, &[]))
    });
    let mut table = Table::new("HTTP/1.1 hello, one thread: CPU per request");
    note(&mut table, &peers);
    if let [nginx, _, ballast] = &peers[..] {
        table.at_most("ballast / nginx", ballast.median() / nginx.median(), 0.9, "×");
    }
    table
}

fn note(table: &mut Table, peers: &[Peer]) {
    for peer in peers {
        table.note(peer.name, format!("{:.2} µs", peer.median()));
    }
}

/// The same system calls as a proxy and nothing else: this program again, see forwarder.rs.
fn forwarder(port: u16, upstream: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(["forwarder", &port.to_string(), &upstream.to_string()]);
    command
}
