//! h2spec: all of its sections (generic, HTTP/2, HPACK).

use super::{Script, peer, run};

/// Cases that fail, and why that is right.
const FAILURES: &[(&str, &str)] = &[(
    "Sends invalid connection preface",
    "the port serves HTTP/1 too: what does not begin with the preface is a bad HTTP/1 request and answered as such, and \
     h2spec takes that answer for a frame (RFC 9113 3.4 asks for no GOAWAY here)",
)];

#[test]
fn h2spec_finds_nothing() {
    let script = Script::start(
        "pipy().listen('127.0.0.1:PORT0').demuxHTTP().to($ => $.replaceMessage(() => new Message('hello')))
        .listen('127.0.0.1:PORT1').serveHTTP(() => new Message('hello'))
        .listen('127.0.0.1:PORT2').demuxHTTP().to($ => $.muxHTTP(() => 'k', { version: 2, maxQueue: 100 }).to($ => $.connect('127.0.0.1:PORT0')))",
        3,
        |_| {},
    );
    for port in &script.ports {
        let (_, said) = run(
            peer("h2spec"),
            &["--host", "127.0.0.1", "--port", &port.to_string(), "--timeout", "5"],
        );
        // The list of failures stands after this line, each with a cross before its number.
        let failures = said.split("Failures:").nth(1).unwrap_or_default();
        let failed: Vec<&str> = failures
            .lines()
            .filter_map(|line| line.trim().strip_prefix('×'))
            .filter_map(|line| line.split_once(": ").map(|(_, name)| name))
            .collect();
        let expected: Vec<&str> = FAILURES.iter().map(|(name, _)| *name).collect();
        assert_eq!(failed, expected, "port {port}:\n{said}");
        assert!(said.contains("145 tests, 144 passed, 0 skipped, 1 failed"), "{said}");
    }
}
