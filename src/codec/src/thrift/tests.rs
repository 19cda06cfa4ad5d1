//! Samples of both protocols, and what is wrong. Source: the tables of the pages named in mod.rs.

use super::*;
use crate::split::{feed, split_everywhere};
use bytes::BytesMut;

const MOST: usize = 1000;

fn decode(bytes: &[u8]) -> (Vec<Message>, Result<(), Error>) {
    split_everywhere(bytes, |pieces| {
        let mut decoder = Decoder::new(MOST);
        let (mut messages, mut failed) = (Vec::new(), None);
        feed(pieces, |input| {
            while failed.is_none() {
                match decoder.decode(input) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => failed = Some(error),
                }
            }
        });
        (messages, failed.map_or_else(|| decoder.finish(), Err))
    })
}

fn message(protocol: Protocol, fields: Vec<Field>) -> Message {
    Message {
        protocol,
        framed: false,
        kind: Kind::Call,
        seq_id: 1,
        name: "add".to_owned(),
        fields,
    }
}

fn field(id: i16, value: Value) -> Field {
    Field { id, value }
}

/// Bytes by the tables of the two pages: heads, fields, lists, maps.
#[test]
fn bytes_of_the_protocols() {
    let fields = || {
        vec![
            field(1, Value::I32(-2)),
            field(2, Value::Bool(true)),
            field(20, Value::List(Type::I16, vec![Value::I16(1), Value::I16(-1)])),
            field(
                21,
                Value::Map(
                    Type::Binary,
                    Type::Bool,
                    vec![(Value::Binary("k".into()), Value::Bool(false))],
                ),
            ),
            field(3, Value::Double(1.0)),
        ]
    };
    let binary: &[u8] = b"\x08\0\x01\xff\xff\xff\xfe\x02\0\x02\x01\x0f\0\x14\x06\0\0\0\x02\0\x01\xff\xff\
        \x0d\0\x15\x0b\x02\0\0\0\x01\0\0\0\x01k\0\x04\0\x03\x3f\xf0\0\0\0\0\0\0\0";
    // -2 is 3 in zigzag; fields 20 and 3 are no 1 to 15 after what was before them: long forms.
    let compact: &[u8] = b"\x15\x03\x11\x09\x28\x24\x02\x01\x1b\x01\x82\x01k\0\x07\x06\0\0\0\0\0\0\xf0\x3f\0";
    for (head, body, protocol) in [
        (&b"\x80\x01\0\x01\0\0\0\x03add\0\0\0\x01"[..], binary, Protocol::Binary),
        (b"\0\0\0\x03add\x01\0\0\0\x01", binary, Protocol::Old),
        (b"\x82\x21\x01\x03add", compact, Protocol::Compact),
    ] {
        let bare = [head, body].concat();
        let mut expected = message(protocol, fields());
        assert_eq!(decode(&bare), (vec![expected.clone()], Ok(())), "{protocol:?}");
        let mut out = BytesMut::new();
        encode(&expected, &mut out);
        assert_eq!(out, bare, "{protocol:?}");

        expected.framed = true;
        let framed = [&(bare.len() as u32).to_be_bytes()[..], &bare].concat();
        let twice = [&framed[..], &framed].concat();
        assert_eq!(
            decode(&twice),
            (vec![expected.clone(), expected.clone()], Ok(())),
            "{protocol:?}"
        );
        out.clear();
        encode(&expected, &mut out);
        assert_eq!(out, framed, "{protocol:?}");
    }
}

#[test]
fn every_type_there_and_back() {
    let nested = Value::Struct(vec![field(-1, Value::Set(Type::Struct, vec![Value::Struct(vec![])]))]);
    let all = vec![
        Value::Bool(false),
        Value::I8(-128),
        Value::I16(i16::MIN),
        Value::I32(i32::MIN),
        Value::I64(i64::MIN),
        Value::I64(i64::MAX),
        Value::Double(-0.5),
        Value::Binary(vec![0, 255].into()),
        Value::Uuid([7; 16]),
        Value::List(Type::Bool, vec![Value::Bool(true); 20]),
        Value::List(Type::Struct, vec![nested]),
        Value::Map(Type::I8, Type::I64, vec![(Value::I8(1), Value::I64(2))]),
        Value::Map(Type::Bool, Type::Bool, vec![]),
        Value::Set(Type::Uuid, vec![]),
    ];
    let ids = [1, 2, 30, i16::MAX, i16::MIN, -3, 0, 4, 5, 6, 7, 8, 9, 10];
    for protocol in [Protocol::Binary, Protocol::Old, Protocol::Compact] {
        let fields = ids.iter().zip(&all).map(|(id, value)| field(*id, value.clone()));
        let message = message(protocol, fields.collect());
        let mut out = BytesMut::new();
        encode(&message, &mut out);
        assert_eq!(decode(&out), (vec![message], Ok(())), "{protocol:?}");
    }
}

#[test]
fn what_is_wrong() {
    let head = b"\x80\x01\0\x01\0\0\0\0\0\0\0\x01";
    let after = |body: &[u8]| [&head[..], body].concat();
    let compact = |body: &[u8]| [b"\x82\x21\x01\0", body].concat();
    let deep = after(&b"\x0c\0\x01".repeat(MAX_DEPTH));
    for (bytes, error) in [
        (b"\xff".to_vec(), Error::Protocol),
        (b"\x80\x02".to_vec(), Error::Protocol),
        (b"\x82\x22".to_vec(), Error::Protocol),
        (b"\x80\x01\0\x05\0\0\0\0\0\0\0\x01".to_vec(), Error::Protocol),
        (b"\x82\x01\x01\0".to_vec(), Error::Protocol),
        (head.to_vec(), Error::Truncated),
        (b"\0\0".to_vec(), Error::Truncated),
        (after(b"\x08\0\x01\0\0"), Error::Truncated),
        (after(b"\x01"), Error::Type(1)),
        (after(b"\x0f\0\x01\x07"), Error::Type(7)),
        (
            after(b"\x0b\0\x01\xff\xff\xff\xff"),
            Error::Malformed("a negative length"),
        ),
        (after(b"\x0b\0\x01\0\0\x10\0"), Error::TooLong(MOST)),
        (after(b"\x0f\0\x01\x08\x7f\xff\xff\xff"), Error::TooLong(MOST)),
        (deep, Error::TooMany),
        (compact(b"\x1e"), Error::Type(14)),
        (
            compact(b"\x15\x80\x80\x80\x80\x80"),
            Error::Malformed("a number is too long"),
        ),
        (
            b"\x82\x21\x01\x01\xff".to_vec(),
            Error::Malformed("a name that is no text"),
        ),
        (b"\0\0\x10\0\x82".to_vec(), Error::TooLong(MOST)),
        // A frame that is longer than its message, and one that is shorter.
        (
            b"\0\0\0\x06\x82\x21\x01\0\0\0".to_vec(),
            Error::Malformed("a frame holds more or less than a message"),
        ),
        (
            b"\0\0\0\x04\x82\x21\x01\0\0".to_vec(),
            Error::Malformed("a frame holds more or less than a message"),
        ),
    ] {
        assert_eq!(decode(&bytes), (vec![], Err(error)), "{bytes:x?}");
    }
    // Many small elements.
    let mut many = after(b"\x0f\0\x01\x03\0\x04\0\x01");
    many.extend([0; 8]);
    let mut input = crate::Chunks::from(bytes::Bytes::from(many));
    assert_eq!(Decoder::new(1 << 20).decode(&mut input), Err(Error::TooMany));
}

/// Damaged messages: no panic, and what is decoded is decoded again from what the encoder makes of it.
#[test]
fn damaged_messages() {
    let mut random = fastrand::Rng::with_seed(20);
    let value = Value::Map(
        Type::Binary,
        Type::List,
        vec![(
            Value::Binary("key".into()),
            Value::List(Type::I32, vec![Value::I32(300); 3]),
        )],
    );
    let inner = Value::Struct(vec![
        field(1, Value::Bool(true)),
        field(40, Value::Double(0.5)),
        field(2, value),
    ]);
    for protocol in [Protocol::Binary, Protocol::Old, Protocol::Compact] {
        let mut sample = BytesMut::new();
        for framed in [false, true] {
            let one = message(protocol, vec![field(1, inner.clone()), field(2, Value::I64(-1))]);
            encode(&Message { framed, ..one }, &mut sample);
        }
        for _ in 0..5000 {
            let mut damaged = sample.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..damaged.len());
                damaged[at] = random.u8(..);
            }
            let mut input = crate::Chunks::from(damaged.freeze());
            let mut decoder = Decoder::new(MOST);
            while let Ok(Some(message)) = decoder.decode(&mut input) {
                let mut out = BytesMut::new();
                encode(&message, &mut out);
                let again = Decoder::new(MOST * 2).decode(&mut out.freeze().into());
                // As text, for NaN is not equal to itself.
                assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, Error>(Some(message))));
            }
        }
    }
}
