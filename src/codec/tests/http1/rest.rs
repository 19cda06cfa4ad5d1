//! The rest of a message at once: when it is there, and that nothing is taken when it is not. That it is what `decode` would yield is
//! checked for every sample of the other tables (property.rs).
use ballast_codec::Chunks;
use ballast_codec::http1::{Expect, Frame, Limits, RequestDecoder, ResponseDecoder};
use bytes::Bytes;

/// What comes, whether the rest of the first message is there then, and its body.
const ROWS: [(&str, &[&str], Option<&str>); 8] = [
    ("no body", &["\r\n\r\n"], Some("")),
    ("a body", &["\r\nContent-Length: 2\r\n\r\nok"], Some("ok")),
    ("and more", &["\r\nContent-Length: 2\r\n\r\nokGET"], Some("ok")),
    (
        "in a chunk of its own",
        &["\r\nContent-Length: 2\r\n\r\n", "ok"],
        Some("ok"),
    ),
    ("in two chunks", &["\r\nContent-Length: 2\r\n\r\no", "k"], None),
    ("not all of it", &["\r\nContent-Length: 3\r\n\r\nok"], None),
    ("nothing of it", &["\r\nContent-Length: 2\r\n\r\n"], None),
    (
        "in coded chunks",
        &["\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
        None,
    ),
];

fn input(start: &str, pieces: &[&str]) -> Chunks {
    let mut input = Chunks::new();
    for (index, piece) in pieces.iter().enumerate() {
        let start = if index == 0 { start } else { "" };
        input.push(Bytes::from(format!("{start}{piece}")));
    }
    input
}

fn check(name: &str, before: usize, rest: Option<Bytes>, after: usize, body: Option<&str>) {
    assert_eq!(rest.as_deref(), body.map(str::as_bytes), "{name}");
    assert_eq!(before - after, body.map_or(0, str::len), "{name}");
}

#[test]
fn of_requests() {
    for (name, pieces, body) in ROWS {
        let mut input = input("POST / HTTP/1.1", pieces);
        let mut decoder = RequestDecoder::new(Limits::default());
        assert_eq!(decoder.rest(&mut input), None, "{name}: before the head");
        assert!(matches!(decoder.decode(&mut input), Ok(Some(Frame::Head(_)))), "{name}");
        let before = input.len();
        let rest = decoder.rest(&mut input).map(|(body, _)| body);
        check(name, before, rest, input.len(), body);
    }
}

#[test]
fn of_responses() {
    for (name, pieces, body) in ROWS {
        let mut input = input("HTTP/1.1 200 OK", pieces);
        let mut decoder = ResponseDecoder::new(Limits::default());
        decoder.expect(Expect::Other);
        assert!(matches!(decoder.decode(&mut input), Ok(Some(Frame::Head(_)))), "{name}");
        let before = input.len();
        let rest = decoder.rest(&mut input).map(|(body, _)| body);
        // Without a length a response lasts until the connection ends.
        let body = if name == "no body" { None } else { body };
        check(name, before, rest, input.len(), body);
    }
}
