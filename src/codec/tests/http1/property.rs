//! What must hold for any input at all: shared by the table tests, the mutation test and the fuzz target of tests/fuzz.
//!
//! Source: style.md 2.9: cuts do not matter, memory is bounded, what was decoded can be encoded and decoded again.
use ballast_codec::http1::{
    CHUNK_END, Connection, Error, Expect, Frame, Framing, Headers, LAST_CHUNK, Limits, Lines, RequestDecoder,
    RequestHead, ResponseDecoder, ResponseHead, Tail, encode_chunk_start, encode_request_head, encode_response_head,
};
use ballast_codec::split::feed;
use bytes::{Bytes, BytesMut};

/// What a decoder said, body slices joined, so that two runs can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen<H> {
    Head(H),
    Body(Vec<u8>),
    End(Tail),
    Raw(Vec<u8>),
    Failed(Error),
}

/// What to do with a request that may become a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tunnel {
    Refuse,
    Accept,
}

/// Everything a request decoder says about these pieces and the end of input after them; the same when it is asked for the rest of each
/// message after its head.
pub(crate) fn requests(limits: &Limits, tunnel: Tunnel, pieces: &[Bytes]) -> Vec<Seen<RequestHead>> {
    let seen = requests_by(limits, tunnel, pieces, false);
    assert_eq!(requests_by(limits, tunnel, pieces, true), seen, "with the rest at once");
    seen
}

fn requests_by(limits: &Limits, tunnel: Tunnel, pieces: &[Bytes], by_rest: bool) -> Vec<Seen<RequestHead>> {
    let mut decoder = RequestDecoder::new(limits.clone());
    let mut seen = Vec::new();
    let mut failed = false;
    feed(pieces, |input| {
        while !failed {
            let result = decoder.decode(input);
            assert!(
                decoder.held_bytes() <= limits.max_total_head_bytes.max(128),
                "holds {} bytes",
                decoder.held_bytes()
            );
            let is_head = matches!(result, Ok(Some(Frame::Head(_))));
            failed = result.is_err();
            let has_more = note(&mut seen, result);
            if is_head && by_rest {
                note_rest(&mut seen, decoder.rest(input));
            }
            if decoder.is_paused() {
                match tunnel {
                    Tunnel::Refuse => decoder.resume(),
                    Tunnel::Accept => decoder.start_raw(input),
                }
            }
            if !has_more {
                break;
            }
        }
    });
    if !failed {
        note(&mut seen, decoder.finish());
    }
    let mut rest = ballast_codec::Chunks::new();
    if let Some(Seen::Failed(error)) = seen.last() {
        assert_eq!(decoder.decode(&mut rest).as_ref(), Err(error), "an error lasts");
    }
    seen
}

/// Everything a response decoder says about these pieces and the end of input after them, for requests of these kinds.
pub(crate) fn responses(limits: &Limits, expected: &[Expect], pieces: &[Bytes]) -> Vec<Seen<ResponseHead>> {
    let seen = responses_by(limits, expected, pieces, false);
    let by_rest = responses_by(limits, expected, pieces, true);
    assert_eq!(by_rest, seen, "with the rest at once");
    seen
}

fn responses_by(limits: &Limits, expected: &[Expect], pieces: &[Bytes], by_rest: bool) -> Vec<Seen<ResponseHead>> {
    let mut decoder = ResponseDecoder::new(limits.clone());
    expected.iter().for_each(|&request| decoder.expect(request));
    let mut seen = Vec::new();
    let mut failed = false;
    feed(pieces, |input| {
        while !failed {
            let result = decoder.decode(input);
            assert!(
                decoder.held_bytes() <= limits.max_total_head_bytes.max(128),
                "holds {} bytes",
                decoder.held_bytes()
            );
            let is_head = matches!(result, Ok(Some(Frame::Head(_))));
            failed = result.is_err();
            if !note(&mut seen, result) {
                break;
            }
            if is_head && by_rest {
                note_rest(&mut seen, decoder.rest(input));
            }
        }
    });
    if !failed {
        note(&mut seen, decoder.finish());
    }
    seen
}

/// Adds the rest of a message, as the frames that it stands for.
fn note_rest<H>(seen: &mut Vec<Seen<H>>, rest: Option<(Bytes, Tail)>) {
    let Some((body, tail)) = rest else { return };
    if !body.is_empty() {
        note(seen, Ok(Some(Frame::Body(body))));
    }
    note(seen, Ok(Some(Frame::End(tail))));
}

/// Adds what a call said; yields whether there may be more.
fn note<H>(seen: &mut Vec<Seen<H>>, result: Result<Option<Frame<H>>, Error>) -> bool {
    match (result, seen.last_mut()) {
        (Ok(None), _) => return false,
        (Ok(Some(Frame::Body(data))), Some(Seen::Body(body))) => body.extend_from_slice(&data),
        (Ok(Some(Frame::Raw(data))), Some(Seen::Raw(raw))) => raw.extend_from_slice(&data),
        (Ok(Some(Frame::Head(head))), _) => seen.push(Seen::Head(head)),
        (Ok(Some(Frame::Body(data))), _) => seen.push(Seen::Body(data.to_vec())),
        (Ok(Some(Frame::Raw(data))), _) => seen.push(Seen::Raw(data.to_vec())),
        (Ok(Some(Frame::End(tail))), _) => seen.push(Seen::End(tail)),
        (Err(error), _) => seen.push(Seen::Failed(error)),
    }
    true
}

/// All that must hold for any bytes. `seed` chooses the cuts.
///
/// Panics when something does not hold: that is the finding.
pub(crate) fn check_any(sample: &[u8], seed: u64) {
    // Small limits, so that short inputs reach them; the default ones have their own tests.
    let limits = Limits {
        max_head_bytes: 96,
        max_headers: 8,
        max_total_head_bytes: 256,
        max_chunk_extension_bytes: 16,
    };
    let expected = [Expect::Other, Expect::Head, Expect::Other, Expect::Connect];
    let sample = Bytes::copy_from_slice(sample);
    let tunnel = if seed.is_multiple_of(2) {
        Tunnel::Refuse
    } else {
        Tunnel::Accept
    };
    let as_requests = requests(&limits, tunnel, std::slice::from_ref(&sample));
    let as_responses = responses(&limits, &expected, std::slice::from_ref(&sample));
    for pieces in cuts(&sample, seed) {
        assert_eq!(
            requests(&limits, tunnel, &pieces),
            as_requests,
            "requests from {pieces:?}"
        );
        assert_eq!(
            responses(&limits, &expected, &pieces),
            as_responses,
            "responses from {pieces:?}"
        );
    }
    check_order(&sample, &as_requests);
    check_order(&sample, &as_responses);
    again_requests(&as_requests);
    again_responses(&as_responses);
}

/// Byte by byte, in two, in three and in small irregular pieces.
fn cuts(sample: &Bytes, seed: u64) -> Vec<Vec<Bytes>> {
    let len = sample.len().max(1);
    let half = seed as usize % len;
    let (low, high) = (half / 2, half);
    let mut irregular = Vec::new();
    let (mut at, mut step) = (0, seed);
    while at < sample.len() {
        step = step.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let end = (at + 1 + (step >> 60) as usize).min(sample.len());
        irregular.push(sample.slice(at..end));
        at = end;
    }
    vec![
        (0..sample.len()).map(|at| sample.slice(at..at + 1)).collect(),
        vec![
            sample.slice(..half.min(sample.len())),
            sample.slice(half.min(sample.len())..),
        ],
        vec![
            sample.slice(..low),
            sample.slice(low..high.min(sample.len())),
            sample.slice(high.min(sample.len())..),
        ],
        irregular,
    ]
}

/// Frames come in an order that makes sense, sizes add up, and nothing is made out of nothing.
fn check_order<H>(sample: &[u8], seen: &[Seen<H>]) {
    let mut in_message = false;
    let mut raw = false;
    let (mut body_size, mut total) = (0, 0);
    for (index, step) in seen.iter().enumerate() {
        match step {
            Seen::Head(_) => {
                assert!(!in_message && !raw, "a head inside a message");
                (in_message, body_size) = (true, 0);
            }
            Seen::Body(data) => {
                assert!(in_message && !data.is_empty(), "body bytes outside a message");
                body_size += data.len() as u64;
                total += data.len();
            }
            Seen::End(tail) => {
                assert!(in_message, "an end without a head");
                assert_eq!(tail.body_size, body_size);
                total += tail.head_size;
                in_message = false;
            }
            Seen::Raw(data) => {
                assert!(!in_message, "tunnel bytes inside a message");
                raw = true;
                total += data.len();
            }
            Seen::Failed(_) => assert_eq!(index + 1, seen.len(), "something after an error"),
        }
    }
    assert!(
        !in_message || matches!(seen.last(), Some(Seen::Failed(_))),
        "a message that neither ends nor fails"
    );
    assert!(total <= sample.len(), "{total} bytes out of {}", sample.len());
}

/// Complete messages: head and body.
fn messages<H: Clone>(seen: &[Seen<H>]) -> Vec<(H, Vec<u8>)> {
    let mut found = Vec::new();
    let mut current: Option<(H, Vec<u8>)> = None;
    for step in seen {
        match step {
            Seen::Head(head) => current = Some((head.clone(), Vec::new())),
            Seen::Body(data) => current.iter_mut().for_each(|(_, body)| body.extend_from_slice(data)),
            Seen::End(_) => found.extend(current.take()),
            Seen::Raw(_) | Seen::Failed(_) => {}
        }
    }
    found
}

fn is_chunked(headers: &Headers) -> bool {
    headers.contains("transfer-encoding")
}

/// A body as it is sent with this framing.
fn append_body(body: &[u8], framing: Framing, out: &mut BytesMut) {
    if framing != Framing::Chunked {
        out.extend_from_slice(body);
        return;
    }
    for part in body.chunks(7) {
        encode_chunk_start(part.len(), out);
        out.extend_from_slice(part);
        out.extend_from_slice(CHUNK_END);
    }
    out.extend_from_slice(LAST_CHUNK);
}

/// Header lines that a proxy passes on.
fn passed_on(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    let dropped = ["connection", "keep-alive", "content-length", "transfer-encoding"];
    let is_dropped = |name: &[u8]| dropped.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()));
    headers
        .iter()
        .filter(|(name, _)| !is_dropped(name))
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// Each request, encoded and decoded again, is the same.
fn again_requests(seen: &[Seen<RequestHead>]) {
    let limits = Limits::default();
    for (head, body) in messages(seen) {
        let framing = match is_chunked(&head.headers) {
            true => Framing::Chunked,
            false => Framing::of_request(&head.method, body.len() as u64),
        };
        let mut out = BytesMut::new();
        encode_request_head(&head, framing, Connection::KeepAlive, Lines::All, &mut out)
            .expect("a decoded head can be sent");
        append_body(&body, framing, &mut out);
        let again = messages(&requests(&limits, Tunnel::Refuse, &[out.freeze()]));
        let [(other, other_body)] = again.as_slice() else {
            panic!("one request became {again:?}")
        };
        assert_eq!(
            (&other.method, &other.target, other.version),
            (&head.method, &head.target, head.version)
        );
        assert_eq!(passed_on(&other.headers), passed_on(&head.headers));
        assert_eq!(other_body, &body);
        assert!(other.keep_alive());
    }
}

/// Each response, encoded and decoded again, is the same. Interim ones are followed by a final one.
fn again_responses(seen: &[Seen<ResponseHead>]) {
    let limits = Limits::default();
    for (head, body) in messages(seen) {
        let framing = match is_chunked(&head.headers) && !body.is_empty() {
            true => Framing::Chunked,
            false => Framing::of_response(&head, false, body.len() as u64),
        };
        let mut out = BytesMut::new();
        encode_response_head(&head, framing, Connection::Close, Lines::All, &mut out)
            .expect("a decoded head can be sent");
        append_body(&body, framing, &mut out);
        let again = messages(&responses(&limits, &[Expect::Other], &[out.freeze()]));
        let [(other, other_body)] = again.as_slice() else {
            panic!("one response became {again:?}")
        };
        assert_eq!((other.status, other.version), (head.status, head.version));
        assert!(other.reason == head.reason || head.reason.is_empty());
        assert_eq!(passed_on(&other.headers), passed_on(&head.headers));
        assert_eq!(other_body, &body);
        assert!(!other.keep_alive());
    }
}
