//! Where the codec differs from upstream or from the RFC on purpose; each test has the name that the `DEVIATES:` comment tells.
use crate::property::{Seen, Tunnel, requests};
use ballast_codec::http1::{Error, Framing, Limits, Place, ResponseHead};
use ballast_codec::split::split_everywhere;

fn outcome(sent: &[u8]) -> Option<Error> {
    let seen = split_everywhere(sent, |pieces| requests(&Limits::default(), Tunnel::Refuse, pieces));
    match seen.last() {
        Some(Seen::Failed(error)) => Some(error.clone()),
        _ => None,
    }
}

#[test]
fn deviates_early_end_is_an_error() {
    let short = b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort";
    assert_eq!(outcome(short), Some(Error::Truncated(Place::Body)));
}

#[test]
fn deviates_length_beside_chunked_is_refused() {
    let both = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(outcome(both), Some(Error::LengthAndEncoding));
}

#[test]
fn deviates_equal_lengths_are_refused() {
    let twice = b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(outcome(twice), Some(Error::ContentLength));
    assert_eq!(
        outcome(b"POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\nhi"),
        Some(Error::ContentLength)
    );
}

#[test]
fn deviates_missing_host_is_accepted() {
    assert_eq!(outcome(b"GET / HTTP/1.1\r\n\r\n"), None);
}

#[test]
fn deviates_close_in_any_case() {
    let seen = requests(
        &Limits::default(),
        Tunnel::Refuse,
        &[b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"[..].into()],
    );
    assert!(matches!(seen.first(), Some(Seen::Head(head)) if !head.keep_alive()));
}

#[test]
fn deviates_no_length_for_304() {
    let head = ResponseHead {
        status: 304,
        ..ResponseHead::default()
    };
    assert_eq!(Framing::of_response(&head, false, 0), Framing::Absent);
}
