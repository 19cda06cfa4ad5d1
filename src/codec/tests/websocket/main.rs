//! The WebSocket codec: samples of RFC 6455 5.7 and of each rule of section 5, at every split point; mutated samples.
#![allow(clippy::unwrap_used, reason = "tests fail by panics")]

mod property;

use ballast_codec::split::split_everywhere;
use ballast_codec::websocket::{Decoder, Error, Head, Part, encode_header, mask};
use bytes::{Bytes, BytesMut};
use property::{MAX_BYTES, Seen, check_any, encode, messages};

fn message(opcode: u8, masked: bool, body: &[u8]) -> Seen {
    Seen::Message(Head { opcode, masked }, body.to_vec())
}

#[track_caller]
fn check(name: &str, sample: &[u8], expected: &[Seen]) {
    let seen = split_everywhere(sample, messages);
    assert_eq!(seen, expected, "{name}");
}

/// RFC 6455 section 5.7, byte for byte.
#[test]
fn the_samples_of_the_rfc() {
    check(
        "unmasked text",
        &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        &[message(1, false, b"Hello")],
    );
    check(
        "masked text",
        &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        &[message(1, true, b"Hello")],
    );
    check(
        "in fragments",
        &[0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f],
        &[message(1, false, b"Hello")],
    );
    check(
        "ping and masked pong",
        &[
            0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ],
        &[message(9, false, b"Hello"), message(10, true, b"Hello")],
    );
    check(
        "256 bytes",
        &[&[0x82, 0x7e, 0x01, 0x00][..], &[7; 256]].concat(),
        &[message(2, false, &[7; 256])],
    );
    // 64 KiB: every split point of so much takes too long for what it shows.
    let large = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[7; 65536]].concat();
    assert_eq!(messages(&[large.into()]), [message(2, false, &[7; 65536])]);
}

#[test]
fn rules() {
    check(
        "a control frame between fragments comes first",
        &[0x01, 0x01, b'a', 0x89, 0x01, b'p', 0x00, 0x01, b'b', 0x80, 0x01, b'c'],
        &[message(9, false, b"p"), message(1, false, b"abc")],
    );
    check("an empty message", &[0x81, 0x00], &[message(1, false, b"")]);
    check(
        "empty fragments",
        &[0x02, 0x00, 0x00, 0x00, 0x80, 0x00],
        &[message(2, false, b"")],
    );
    check(
        "each fragment has its own mask",
        &[
            0x02,
            0x82,
            1,
            2,
            3,
            4,
            b'a' ^ 1,
            b'b' ^ 2,
            0x80,
            0x81,
            9,
            8,
            7,
            6,
            b'c' ^ 9,
        ],
        &[message(2, true, b"abc")],
    );
    check(
        "close with a status",
        &[0x88, 0x02, 0x03, 0xe8],
        &[message(8, false, &[0x03, 0xe8])],
    );
    let fails = |name: &str, sample: &[u8], error: Error| check(name, sample, &[Seen::Failed(error)]);
    fails("a reserved bit", &[0xc1, 0x00], Error::ReservedBit);
    fails("opcode 3", &[0x83, 0x00], Error::ReservedOpcode(3));
    fails("opcode 11", &[0x8b, 0x00], Error::ReservedOpcode(11));
    fails("a ping in fragments", &[0x09, 0x00], Error::Control);
    fails("a ping of 126 bytes", &[0x89, 0x7e, 0x00, 0x7e], Error::Control);
    fails("a close of one byte", &[0x88, 0x01, 0x03], Error::CloseBody);
    fails("a continuation of nothing", &[0x80, 0x00], Error::NothingToContinue);
    fails("a message in a message", &[0x01, 0x00, 0x81, 0x00], Error::Interrupted);
    fails("125 in two bytes", &[0x82, 0x7e, 0x00, 0x7d], Error::Length);
    fails(
        "65535 in eight bytes",
        &[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        Error::Length,
    );
    fails("2^63", &[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], Error::Length);
    fails("a header cut short", &[0x82], Error::Truncated);
    fails("a mask cut short", &[0x82, 0x81, 1, 2, 3], Error::Truncated);
    fails("a fragment and no more", &[0x02, 0x01, b'a'], Error::Truncated);
    check(
        "a body cut short",
        &[0x82, 0x02, b'a'],
        &[
            Seen::Partial(
                Head {
                    opcode: 2,
                    masked: false,
                },
                b"a".to_vec(),
            ),
            Seen::Failed(Error::Truncated),
        ],
    );
}

#[test]
fn what_is_collected_has_a_bound() {
    let mut bytes = BytesMut::new();
    let head = Head {
        opcode: 2,
        masked: true,
    };
    encode(head, &[1; MAX_BYTES], 100, &mut bytes);
    assert_eq!(messages(&[bytes.split().freeze()]), [message(2, true, &[1; MAX_BYTES])]);
    encode(head, &[1; MAX_BYTES + 1], 100, &mut bytes);
    assert_eq!(
        messages(&[bytes.split().freeze()]),
        [Seen::Failed(Error::TooLong(MAX_BYTES))]
    );
    // One frame is not collected, whatever its length: it is given out as it comes.
    let mut decoder = Decoder::new(0);
    encode_header(2, true, None, 1 << 40, &mut bytes);
    bytes.extend_from_slice(b"x");
    let mut input = ballast_codec::Chunks::from(bytes.freeze());
    let mut next = || decoder.decode(&mut input);
    assert_eq!(
        next(),
        Ok(Some(Part::Start(Head {
            opcode: 2,
            masked: false
        })))
    );
    assert_eq!(next(), Ok(Some(Part::Body(Bytes::from_static(b"x")))));
    assert_eq!(next(), Ok(None));
}

#[test]
fn masks_at_any_offset() {
    let key = [0x11, 0x22, 0x44, 0x88];
    for offset in 0..5 {
        for len in 0..20 {
            let mut bytes: Vec<u8> = (0..len).collect();
            let expected: Vec<u8> = (0..len).map(|at| at ^ key[(offset + usize::from(at)) % 4]).collect();
            mask(key, offset, &mut bytes);
            assert_eq!(bytes, expected, "offset {offset}, {len} bytes");
        }
    }
}

#[test]
fn mutated_samples() {
    let mut sample = BytesMut::new();
    for (opcode, masked, len, cut) in [
        (1, true, 5, 2),
        (9, false, 3, 125),
        (2, false, 200, 130),
        (8, true, 2, 125),
    ] {
        encode(Head { opcode, masked }, &vec![b'm'; len], cut, &mut sample);
    }
    let mut random = fastrand::Rng::with_seed(6455);
    for _ in 0..20_000 {
        let mut bytes = sample.to_vec();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.u8(..)),
            }
        }
        check_any(&bytes, random.u64(..));
    }
}
