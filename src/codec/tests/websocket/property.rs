//! What must hold for any input at all: shared by the tests and the fuzz target of tests/fuzz.
//!
//! Source: style.md 2.9: cuts do not matter, memory is bounded, what was decoded can be encoded and decoded again.
use ballast_codec::split::feed;
use ballast_codec::websocket::{Decoder, Error, Head, Part, encode_header, mask};
use bytes::{Bytes, BytesMut};

/// What a decoder said, body slices joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole message.
    Message(Head, Vec<u8>),
    /// The beginning of one.
    Partial(Head, Vec<u8>),
    /// An error, also that of the end of the input.
    Failed(Error),
}

/// Messages in fragments are collected up to so many bytes.
pub(crate) const MAX_BYTES: usize = 300;

/// Everything that a decoder says about these pieces and the end of input after them.
pub(crate) fn messages(pieces: &[Bytes]) -> Vec<Seen> {
    let mut decoder = Decoder::new(MAX_BYTES);
    let mut seen: Vec<Seen> = Vec::new();
    let mut failed = None;
    feed(pieces, |input| {
        while failed.is_none() {
            match decoder.decode(input) {
                Ok(None) => break,
                Ok(Some(Part::Start(head))) => {
                    assert!(
                        !matches!(seen.last(), Some(Seen::Partial(..))),
                        "one message inside of another"
                    );
                    seen.push(Seen::Partial(head, Vec::new()));
                }
                Ok(Some(Part::Body(bytes))) => match seen.last_mut() {
                    Some(Seen::Partial(_, body)) => body.extend_from_slice(&bytes),
                    other => panic!("a body after {other:?}"),
                },
                Ok(Some(Part::End)) => match seen.pop() {
                    Some(Seen::Partial(head, body)) => seen.push(Seen::Message(head, body)),
                    other => panic!("an end after {other:?}"),
                },
                Err(error) => failed = Some(error),
            }
        }
    });
    match failed {
        Some(error) => {
            let mut rest = ballast_codec::Chunks::new();
            assert_eq!(decoder.decode(&mut rest), Err(error), "an error lasts");
            assert_eq!(decoder.finish(), Err(error), "an error lasts");
        }
        None => failed = decoder.finish().err(),
    }
    let open = matches!(seen.last(), Some(Seen::Partial(..)));
    assert!(!open || failed.is_some(), "an unfinished message ends OK");
    seen.extend(failed.map(Seen::Failed));
    seen
}

/// A message in frames of at most `cut` bytes.
pub(crate) fn encode(head: Head, body: &[u8], cut: usize, out: &mut BytesMut) {
    let key = head.masked.then_some([0x37, 0xfa, 0x21, 0x3d]);
    let count = body.len().div_ceil(cut.max(1)).max(1);
    for index in 0..count {
        let part = body.get(index * cut..).unwrap_or_default();
        let part = part.get(..cut).unwrap_or(part);
        let opcode = if index == 0 { head.opcode } else { 0 };
        encode_header(opcode, index + 1 == count, key, part.len(), out);
        let from = out.len();
        out.extend_from_slice(part);
        if let Some(key) = key {
            mask(key, 0, &mut out[from..]);
        }
    }
}

/// Checks any bytes: `seed` chooses the cuts.
pub(crate) fn check_any(sample: &[u8], seed: u64) {
    let whole = Bytes::copy_from_slice(sample);
    let seen = messages(std::slice::from_ref(&whole));
    let mut pieces = Vec::new();
    let (mut rest, mut state) = (whole, seed);
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let len = ((state >> 33) as usize % 7 + 1).min(rest.len());
        pieces.push(rest.split_to(len));
    }
    assert_eq!(messages(&pieces), seen, "cuts change the result");
    for message in &seen {
        if let Seen::Message(head, body) = message {
            for cut in [body.len().max(1), 100] {
                // Control frames have no fragments; what is collected has a bound.
                let cut = if head.opcode >= 8 || body.len() > MAX_BYTES {
                    body.len().max(1)
                } else {
                    cut
                };
                let mut bytes = BytesMut::new();
                encode(*head, body, cut, &mut bytes);
                assert_eq!(
                    messages(&[bytes.freeze()]),
                    std::slice::from_ref(message),
                    "encoded again"
                );
            }
        }
    }
}
