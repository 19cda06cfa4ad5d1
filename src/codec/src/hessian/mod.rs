//! Hessian 2: values out of bytes and back, as the payloads of Dubbo hold them.
//!
//! For: every value of the grammar, whole in one buffer. Not for: calls and envelopes of Hessian's own RPC, Hessian 1.
//! Source: hessian.caucho.com, "Hessian 2.0 Serialization Protocol", section 3 (grammar) and 4 (examples).
mod decode;
mod encode;

pub use decode::Decoder;
pub use encode::encode;

use bytes::Bytes;
use std::rc::Rc;

/// Values in one another.
pub const MAX_DEPTH: usize = 64;
/// Values of one buffer: each costs more memory than its one byte.
pub const MAX_VALUES: usize = 1 << 18;
/// Fields of a class, and classes and types of one buffer.
pub const MAX_NAMES: usize = 1 << 12;

/// A value. Lists, maps and objects are numbered in the order in which they begin, from 0, for [`Value::Ref`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `N`
    Null,
    /// `T`, `F`
    Bool(bool),
    /// 32 bits.
    Int(i32),
    /// 64 bits.
    Long(i64),
    /// 64 bits.
    Double(f64),
    /// Milliseconds since 1970.
    Date(i64),
    /// Text. Halves of surrogate pairs that stand alone become replacement characters.
    String(String),
    /// Any bytes.
    Binary(Bytes),
    /// A list; its type is not kept.
    List(Vec<Value>),
    /// A map; its type is not kept.
    Map(Vec<(Value, Value)>),
    /// An object: the class that all of its kind share, and a value for each field.
    Object(Rc<Class>, Vec<Value>),
    /// A list, map or object that came before, or that this one is in.
    Ref(usize),
}

/// A class definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// As the peer names it.
    pub name: String,
    /// Names of fields.
    pub fields: Vec<String>,
}

/// Why bytes are no Hessian 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a byte that begins a value, or not one that may stand here.
    #[error("byte {0:#04x} begins no value")]
    Tag(u8),
    /// A length or an index that is negative, or of nothing that came before.
    #[error("malformed length or reference")]
    Number,
    /// Not UTF-8.
    #[error("malformed text")]
    Text,
    /// See [`MAX_DEPTH`].
    #[error("values nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// See [`MAX_VALUES`] and [`MAX_NAMES`].
    #[error("more than {MAX_VALUES} values, or than {MAX_NAMES} names")]
    TooMany,
    /// The input ends inside of a value.
    #[error("the data end inside of a value")]
    Truncated,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn decode(bytes: &[u8]) -> Result<Vec<Value>, Error> {
        let mut decoder = Decoder::new(Bytes::copy_from_slice(bytes));
        let mut values = Vec::new();
        while let Some(value) = decoder.decode()? {
            values.push(value);
        }
        Ok(values)
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    /// The examples of section 4, with the shortest form of each value where there are several.
    fn samples() -> Vec<(&'static [u8], Value)> {
        vec![
            (b"N", Value::Null),
            (b"T", Value::Bool(true)),
            (b"F", Value::Bool(false)),
            (b"\x20", Value::Binary(Bytes::new())),
            (b"\x23\x01\x02\x03", Value::Binary(Bytes::from_static(b"\x01\x02\x03"))),
            (b"\x90", Value::Int(0)),
            (b"\x80", Value::Int(-16)),
            (b"\xbf", Value::Int(47)),
            (b"\xc8\x00", Value::Int(0)),
            (b"\xc0\x00", Value::Int(-2048)),
            (b"\xc7\x00", Value::Int(-256)),
            (b"\xcf\xff", Value::Int(2047)),
            (b"\xd4\x00\x00", Value::Int(0)),
            (b"\xd0\x00\x00", Value::Int(-262_144)),
            (b"\xd7\xff\xff", Value::Int(262_143)),
            (b"I\x00\x00\x00\x00", Value::Int(0)),
            (b"I\x00\x00\x01\x2c", Value::Int(300)),
            (b"\xe0", Value::Long(0)),
            (b"\xd8", Value::Long(-8)),
            (b"\xef", Value::Long(15)),
            (b"\xf8\x00", Value::Long(0)),
            (b"\xf0\x00", Value::Long(-2048)),
            (b"\xf7\x00", Value::Long(-256)),
            (b"\xff\xff", Value::Long(2047)),
            (b"\x3c\x00\x00", Value::Long(0)),
            (b"\x38\x00\x00", Value::Long(-262_144)),
            (b"\x3f\xff\xff", Value::Long(262_143)),
            (b"\x59\x00\x00\x00\x00", Value::Long(0)),
            (b"\x59\x00\x00\x01\x2c", Value::Long(300)),
            (b"L\x00\x00\x00\x00\x00\x00\x01\x2c", Value::Long(300)),
            (b"\x5b", Value::Double(0.0)),
            (b"\x5c", Value::Double(1.0)),
            (b"\x5d\x00", Value::Double(0.0)),
            (b"\x5d\x80", Value::Double(-128.0)),
            (b"\x5d\x7f", Value::Double(127.0)),
            (b"\x5e\x80\x00", Value::Double(-32768.0)),
            (b"\x5e\x7f\xff", Value::Double(32767.0)),
            (b"D\x40\x28\x80\x00\x00\x00\x00\x00", Value::Double(12.25)),
            (b"\x4a\x00\x00\x00\xd0\x4b\x92\x84\xb8", Value::Date(894_621_091_000)),
            (b"\x4b\x00\xe3\x83\x8f", Value::Date(894_621_060_000)),
            (b"\x00", text("")),
            (b"\x05hello", text("hello")),
            (b"\x01\xc3\x83", text("\u{c3}")),
            (b"S\x00\x05hello", text("hello")),
            (b"\x52\x00\x07hello, \x05world", text("hello, world")),
            (b"\x30\x05hello", text("hello")),
            (
                b"V\x04[int\x92\x90\x91",
                Value::List(vec![Value::Int(0), Value::Int(1)]),
            ),
            (b"\x72\x04[int\x90\x91", Value::List(vec![Value::Int(0), Value::Int(1)])),
            (b"\x57\x90\x91Z", Value::List(vec![Value::Int(0), Value::Int(1)])),
            (b"\x55\x04[int\x90Z", Value::List(vec![Value::Int(0)])),
            (b"\x58\x91\x90", Value::List(vec![Value::Int(0)])),
            (b"\x79\x90", Value::List(vec![Value::Int(0)])),
            (
                b"H\x91\x03fee\xa0\x03fie\xc9\x00\x03foeZ",
                Value::Map(vec![
                    (Value::Int(1), text("fee")),
                    (Value::Int(16), text("fie")),
                    (Value::Int(256), text("foe")),
                ]),
            ),
            (
                b"M\x13com.caucho.test.Car\x05color\x0aaquamarineZ",
                Value::Map(vec![(text("color"), text("aquamarine"))]),
            ),
        ]
    }

    #[test]
    fn the_examples_of_the_specification() {
        for (bytes, value) in samples() {
            assert_eq!(decode(bytes), Ok(vec![value.clone()]), "{bytes:x?}");
            for end in 1..bytes.len() {
                assert_eq!(decode(&bytes[..end]), Err(Error::Truncated), "{bytes:x?} cut at {end}");
            }
            let mut out = BytesMut::new();
            encode(&value, &mut out);
            assert_eq!(decode(&out), Ok(vec![value.clone()]), "{value:?} as {out:x?}");
            assert!(out.len() <= bytes.len(), "{value:?} has a shorter form than {out:x?}");
        }
        let all: Vec<u8> = samples().iter().flat_map(|(bytes, _)| bytes.to_vec()).collect();
        assert_eq!(decode(&all).map(|values| values.len()), Ok(samples().len()));
    }

    /// Section 4.8's Car twice, of one definition; then a list that holds itself (section 4.10).
    #[test]
    fn objects_and_references() {
        let class = Rc::new(Class {
            name: "example.Car".to_owned(),
            fields: vec!["color".to_owned(), "model".to_owned()],
        });
        let car = |color: &str, model: &str| Value::Object(class.clone(), vec![text(color), text(model)]);
        let bytes = b"C\x0bexample.Car\x92\x05color\x05modelO\x90\x03red\x08corvette\x60\x05green\x05civic";
        let cars = vec![car("red", "corvette"), car("green", "civic")];
        assert_eq!(decode(bytes), Ok(cars.clone()));
        let mut out = BytesMut::new();
        encode(&cars[0], &mut out);
        assert_eq!(
            decode(&out),
            Ok(vec![Value::Map(vec![
                (text("color"), text("red")),
                (text("model"), text("corvette"))
            ])])
        );
        assert_eq!(
            decode(b"\x7a\x51\x90\x79\x51\x91"),
            Ok(vec![Value::List(vec![Value::Ref(0), Value::List(vec![Value::Ref(1)])])])
        );
        // The second type is the first again.
        let one = || Value::List(vec![Value::Int(1)]);
        assert_eq!(decode(b"\x71\x04[int\x91\x71\x90\x91"), Ok(vec![one(), one()]));
    }

    /// DEVIATES: the grammar calls 0x5f a 32-bit float; every implementation, Caucho's own too, writes thousandths.
    #[test]
    fn doubles_in_thousandths() {
        assert_eq!(decode(b"\x5f\x00\x00\x2f\xda"), Ok(vec![Value::Double(12.25)]));
    }

    #[test]
    fn texts_and_bytes_beyond_one_chunk() {
        for text in ["x".repeat(70_000), "\u{1f600}\u{e9}\u{4e2d}".repeat(20_000)] {
            let value = Value::String(text);
            let mut out = BytesMut::new();
            encode(&value, &mut out);
            assert_eq!(decode(&out), Ok(vec![value]));
        }
        let value = Value::Binary(vec![7; 200_000].into());
        let mut out = BytesMut::new();
        encode(&value, &mut out);
        assert_eq!(decode(&out), Ok(vec![value]));
        // U+1F600 as Java writes it, and as UTF-8 has it.
        assert_eq!(
            decode(b"\x02\xed\xa0\xbd\xed\xb8\x80\x02\xf0\x9f\x98\x80"),
            Ok(vec![text("\u{1f600}"); 2])
        );
    }

    #[test]
    fn what_is_wrong() {
        let deep = b"\x79".repeat(MAX_DEPTH + 1);
        let many = b"\x57"
            .iter()
            .copied()
            .chain(vec![b'N'; MAX_VALUES + 1])
            .collect::<Vec<u8>>();
        for (bytes, error) in [
            (&b"Z"[..], Error::Tag(b'Z')),
            (b"\x40", Error::Tag(0x40)),
            (b"\x58\x8f", Error::Number),
            (b"\x58N", Error::Tag(b'N')),
            (b"\x58I\x7f\xff\xff\xffN", Error::Truncated),
            (b"\x51\x90", Error::Number),
            (b"\x60", Error::Number),
            (b"O\x91", Error::Number),
            (b"\x71\x90\x91", Error::Number),
            (b"C\x01a\x8f", Error::Number),
            (b"C\x01aI\x7f\xff\xff\xff", Error::TooMany),
            (b"C\x01a\x90", Error::Truncated),
            (b"H\x91Z", Error::Tag(b'Z')),
            (b"\x01\xff", Error::Text),
            (b"\x01\xc3\x28", Error::Text),
            (b"\x01\xf0\x9f\x98\x80", Error::Text),
            (&deep, Error::TooDeep),
            (&many, Error::TooMany),
        ] {
            assert_eq!(decode(bytes), Err(error), "{:x?}", &bytes[..bytes.len().min(20)]);
        }
    }
}
