//! Header lines that are about one connection: a proxy keeps them to itself, in both directions (RFC 9110 sections 7.6.1, 7.8 and
//! 10.1.4). nginx and haproxy beside us: what one of them keeps, we keep. Scripts see all but `connection` (pipyjs/http.md section 1).

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use crate::exchange;
use crate::fronts::Front;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: u\r\nX-Hop: 1\r\nConnection: close, x-hop, Host, X-Set\r\n\
                       HTTP2-Settings: AAMAAABk\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-End: 1\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nX-Hop: 1\r\nConnection: X-Hop\r\nKeep-Alive: timeout=5\r\n\
                      Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-End: 1\r\nContent-Length: 2\r\n\r\nok";
/// Not for the next one.
const HOPS: [&str; 6] = [
    "te",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "x-hop",
    "http2-settings",
];

/// Tells the heads of the requests that come, and answers each in the same way.
fn behind() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (send, heads) = mpsc::channel();
    // Ends with the process of the tests.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            if head.is_empty() {
                continue;
            }
            send.send(String::from_utf8_lossy(&head).into_owned()).ok();
            stream.write_all(ANSWER.as_bytes()).ok();
        }
    });
    (port, heads)
}

/// Names of the lines of a head, and the value of `connection`.
fn names(head: &str) -> (BTreeSet<String>, String) {
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    let all: Vec<(String, String)> = lines
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase()))
        .collect();
    let connection = all.iter().find(|(name, _)| name == "connection");
    let connection = connection.map(|(_, value)| value.clone()).unwrap_or_default();
    (all.into_iter().map(|(name, _)| name).collect(), connection)
}

#[test]
fn lines_about_a_connection_stay_with_it() {
    let (port, heads) = behind();
    let mut fronts = Front::all(port);
    // The same, with a script that reads and writes heads.
    fronts.push(Front::looking(port));
    let passed: Vec<_> = fronts
        .iter()
        .map(|front| {
            let answer = exchange(front.port, REQUEST.as_bytes()).expect("it answers");
            let request = heads.recv().expect("it asks");
            (names(&request), names(&String::from_utf8_lossy(&answer)))
        })
        .collect();
    let [nginx, haproxy, ours @ ..] = passed.as_slice() else {
        panic!("four fronts")
    };
    for ((request, connection), (response, closes)) in ours {
        for hop in HOPS {
            assert!(
                !request.contains(hop) && !response.contains(hop),
                "{hop}: {request:?} {response:?}"
            );
        }
        for name in ["host", "user-agent", "x-end"] {
            assert!(request.contains(name), "{name}: {request:?}");
        }
        assert!(
            response.contains("x-end") && response.contains("content-length"),
            "{response:?}"
        );
        // Our own words.
        assert_eq!((connection.as_str(), closes.as_str()), ("keep-alive", "close"));
        for ((peer_request, _), (peer_response, _)) in [nginx, haproxy] {
            let kept = |all: &BTreeSet<String>, name: &str| !all.contains(name);
            assert!(HOPS.iter().all(|hop| !kept(peer_request, hop) || kept(request, hop)));
            assert!(HOPS.iter().all(|hop| !kept(peer_response, hop) || kept(response, hop)));
        }
    }
    // What the script saw, and what it set: a client's list does not take that away.
    let ((request, _), (response, _)) = &ours[1];
    assert!(request.contains("x-saw-te") && request.contains("x-set"), "{request:?}");
    assert!(response.contains("x-saw-upgrade"), "{response:?}");
}

/// Of a list the server could take what we are no tunnel for: HTTP/2 in the clear, with requests that no script sees.
#[test]
fn only_websocket_is_passed_on() {
    let (port, heads) = behind();
    let fronts = [Front::patient(port), Front::looking(port)];
    let rows = [
        ("websocket", true),
        ("WebSocket,", true),
        ("h2c", false),
        ("websocket, h2c", false),
        ("h2c,websocket", false),
        ("websocket\r\nUpgrade: h2c", false),
        ("h2c\r\nUpgrade: websocket", false),
    ];
    for front in &fronts {
        for (list, passes) in rows {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: {list}\r\n\r\n");
            exchange(front.port, request.as_bytes()).expect("it answers");
            let (names, connection) = names(&heads.recv().expect("it asks"));
            assert_eq!(names.contains("upgrade"), passes, "{list:?}: {names:?}");
            let expected = if passes { "upgrade" } else { "keep-alive" };
            assert_eq!(connection, expected, "{list:?}");
        }
    }
}
