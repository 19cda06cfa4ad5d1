//! Pauses, tunnels, the preface of HTTP/2, and the decoder's own states: pipyjs/http.md section 4, RFC 9113 3.4.
use crate::property::{Seen, Tunnel, requests};
use ballast_codec::Chunks;
use ballast_codec::http1::{Error, Frame, Limits, Place, RequestDecoder};
use ballast_codec::split::{feed, split_everywhere};
use bytes::Bytes;

const CONNECT: &[u8] = b"CONNECT a:1 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n\r\n";

#[test]
fn a_tunnel_that_is_refused_is_followed_by_requests() {
    for sent in [CONNECT, UPGRADE] {
        let seen = split_everywhere(sent, |pieces| requests(&Limits::default(), Tunnel::Refuse, pieces));
        assert!(
            matches!(
                seen.as_slice(),
                [Seen::Head(_), Seen::End(_), Seen::Head(_), Seen::End(_)]
            ),
            "{seen:?}"
        );
    }
}

#[test]
fn a_tunnel_that_is_accepted_is_raw() {
    for sent in [CONNECT, UPGRADE] {
        let seen = split_everywhere(sent, |pieces| requests(&Limits::default(), Tunnel::Accept, pieces));
        assert!(
            matches!(&seen[..], [Seen::Head(_), Seen::End(_), Seen::Raw(raw)] if raw == b"GET / HTTP/1.1\r\n\r\n"),
            "{seen:?}"
        );
    }
}

#[test]
fn while_nobody_decides_the_input_is_left_alone() {
    let mut decoder = RequestDecoder::new(Limits::default());
    let mut input = Chunks::from(Bytes::from_static(CONNECT));
    assert!(!decoder.is_paused());
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Frame::Head(head))) if head.may_tunnel()));
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Frame::End(_)))));
    for _ in 0..3 {
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert!(decoder.is_paused() && input.len() == 18);
    }
    // A client that has closed its side may still be answered, and what it sent is still decoded.
    assert_eq!(decoder.finish(), Ok(None));
    decoder.resume();
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Frame::Head(head))) if !head.may_tunnel()));
}

#[test]
fn an_error_outlasts_everything_but_a_reset() {
    let mut decoder = RequestDecoder::new(Limits::default());
    let mut input = Chunks::from(Bytes::from_static(b"get / HTTP/1.1\r\n\r\n"));
    assert_eq!(decoder.decode(&mut input), Err(Error::Method));
    decoder.start_raw(&mut input);
    decoder.resume();
    assert_eq!(decoder.decode(&mut input), Err(Error::Method));
    assert_eq!(decoder.finish(), Err(Error::Method));
}

#[test]
fn raw_gives_back_what_was_held() {
    let mut decoder = RequestDecoder::new(Limits::default());
    let mut input = Chunks::from(Bytes::from_static(b"GET /half"));
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!((decoder.held_bytes(), decoder.is_idle()), (9, false));
    decoder.start_raw(&mut input);
    input.push(Bytes::from_static(b"!"));
    assert_eq!(
        decoder.decode(&mut input),
        Ok(Some(Frame::Raw(Bytes::from_static(b"GET /half"))))
    );
    assert_eq!(
        decoder.decode(&mut input),
        Ok(Some(Frame::Raw(Bytes::from_static(b"!"))))
    );
    assert_eq!(decoder.finish(), Ok(None));
}

#[test]
fn a_preface_is_recognised_and_left_in_the_input() {
    let sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let rest = split_everywhere(sent, |pieces| {
        let mut decoder = RequestDecoder::new(Limits::default());
        let mut error = None;
        let mut rest = Vec::new();
        feed(pieces, |input| {
            if error.is_none() {
                error = decoder.decode(input).err();
            }
            if error.is_some() {
                while let Some(chunk) = input.pop_front() {
                    rest.extend_from_slice(&chunk);
                }
            }
        });
        assert_eq!(error, Some(Error::Http2Preface));
        rest
    });
    assert_eq!(rest, sent);
}

#[test]
fn the_end_of_input_between_and_inside_requests() {
    for (sent, expected) in [
        (&b""[..], Ok(None)),
        (b"G", Err(Error::Truncated(Place::Head))),
        (b"GET / HTTP/1.1\r\n\r", Err(Error::Truncated(Place::Head))),
        (b"GET / HTTP/1.1\r\n\r\n", Ok(None)),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx",
            Err(Error::Truncated(Place::Body)),
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
            Err(Error::Truncated(Place::Body)),
        ),
    ] {
        let mut decoder = RequestDecoder::new(Limits::default());
        let mut input = Chunks::from(Bytes::from_static(sent));
        while decoder.decode(&mut input).unwrap().is_some() {}
        assert_eq!(decoder.finish(), expected, "{}", sent.escape_ascii());
        assert_eq!(decoder.decode(&mut Chunks::new()), expected, "and so it stays");
        decoder.reset();
        let mut input = Chunks::from(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(
            matches!(decoder.decode(&mut input), Ok(Some(Frame::Head(_)))),
            "reset makes it new"
        );
    }
}
