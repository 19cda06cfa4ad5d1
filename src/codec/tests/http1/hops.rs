//! Lines about a connection are not passed on to the next one: RFC 9110 7.6.1, 7.8, 10.1.4.
use crate::property::{Seen, Tunnel, requests};
use ballast_codec::http1::{Connection, Framing, Limits, Lines, RequestHead, encode_request_head};
use bytes::{Bytes, BytesMut};

fn decoded(lines: &str) -> RequestHead {
    let block = Bytes::from(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    let seen = requests(&Limits::default(), Tunnel::Refuse, &[block]);
    let head = seen.into_iter().find_map(|seen| match seen {
        Seen::Head(head) => Some(head),
        _ => None,
    });
    head.expect("a request")
}

#[test]
fn what_is_passed_on_and_what_is_not() {
    let all =
        "TE: gzip\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nKeep-Alive: 1\r\nHTTP2-Settings: AAMAAABk\r\nA: 1\r\n";
    for (name, received, keeps_upgrade, passed) in [
        (
            "none",
            "Accept: x\r\nUser-Agent: u\r\n",
            false,
            "Accept: x\r\nUser-Agent: u\r\n",
        ),
        ("those of a fixed name", all, false, "A: 1\r\n"),
        ("an upgrade that is passed on", all, true, "Upgrade: h2c\r\nA: 1\r\n"),
        ("named before", "Connection: x\r\nX: 1\r\nA: 1\r\n", false, "A: 1\r\n"),
        ("named after", "X: 1\r\nA: 1\r\nConnection: x\r\n", false, "A: 1\r\n"),
        (
            "in a list",
            "X: 1\r\nA: 1\r\nConnection: close ,\tX,y\r\nY: 2\r\n",
            false,
            "A: 1\r\n",
        ),
        (
            "in two lists",
            "Connection: x\r\nX: 1\r\nConnection: y\r\nY: 1\r\nA: 1\r\n",
            false,
            "A: 1\r\n",
        ),
        ("not named", "Connection: keep-alive\r\nX: 1\r\n", false, "X: 1\r\n"),
        (
            "a part of a name",
            "Connection: x\r\nXX: 1\r\nX-: 2\r\n",
            false,
            "XX: 1\r\nX-: 2\r\n",
        ),
        (
            "the host stays",
            "Connection: host, a\r\nA: 1\r\nB: 1\r\n",
            false,
            "B: 1\r\n",
        ),
        (
            "an upgrade that is named",
            "Connection: Upgrade, a\r\nUpgrade: w\r\nA: 1\r\n",
            true,
            "Upgrade: w\r\n",
        ),
        (
            "names of the same length",
            "No: 1\r\nReferer: 2\r\nProxy-Connectiom: 3\r\n",
            false,
            "No: 1\r\nReferer: 2\r\nProxy-Connectiom: 3\r\n",
        ),
    ] {
        let mut head = decoded(received);
        let encoded = |head: &RequestHead, lines| {
            let mut out = BytesMut::from("before|");
            encode_request_head(head, Framing::Absent, Connection::Absent, lines, &mut out).expect("sendable");
            String::from_utf8(out.to_vec()).expect("text")
        };
        let expected = format!("before|GET / HTTP/1.1\r\nHost: a\r\n{passed}\r\n");
        assert_eq!(encoded(&head, Lines::PassedOn { keeps_upgrade }), expected, "{name}");
        // The same, of a head that goes on as its lines.
        head.headers.drop_hops(keeps_upgrade);
        assert_eq!(encoded(&head, Lines::All), expected, "{name}: dropped before");
    }
}

/// A list that a client sent must not take away what was set on the way.
#[test]
fn what_was_set_since_stays() {
    for (set, value) in [("x-real-ip", "1.2.3.4"), ("te", "trailers"), ("upgrade", "w")] {
        for received in [
            "Connection: x-real-ip, te, upgrade\r\n",
            "Connection: x-real-ip\r\nX-Real-IP: 9\r\nTE: gzip\r\nUpgrade: v\r\n",
        ] {
            let mut head = decoded(received);
            head.headers.set(set, value.as_bytes()).expect("a line");
            let mut out = BytesMut::new();
            let lines = Lines::PassedOn { keeps_upgrade: false };
            encode_request_head(&head, Framing::Absent, Connection::Absent, lines, &mut out).expect("sendable");
            let text = String::from_utf8(out.to_vec()).expect("text");
            assert_eq!(
                text,
                format!("GET / HTTP/1.1\r\nHost: a\r\n{set}: {value}\r\n\r\n"),
                "{received}"
            );
        }
    }
}

/// As many names as a head may have lines, each as long as may be: they are looked up, not compared with each other.
#[test]
fn many_names_are_no_work() {
    let names: String = (0..90)
        .map(|at| format!("Connection: {}\r\n", format!("n{at},").repeat(40)))
        .collect();
    let mut head = decoded(&format!("{names}N7: 1\r\nA: 1\r\n"));
    head.headers.drop_hops(false);
    assert_eq!(head.headers.len(), 2);
}
