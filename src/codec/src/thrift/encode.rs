//! Messages into bytes.
use super::{Field, Message, Protocol, Type, Value};
use bytes::{BufMut, BytesMut};

/// Appends a message. Elements of another type than their list says are written as what they are; making lists of one type is up to who
/// makes the message.
pub fn encode(message: &Message, out: &mut BytesMut) {
    let start = out.len();
    if message.framed {
        out.put_u32(0);
    }
    let name = message.name.as_bytes();
    let kind = message.kind as u8;
    match message.protocol {
        Protocol::Compact => {
            out.put_u8(0x82);
            out.put_u8(kind << 5 | 1);
            varint(u64::from(message.seq_id as u32), out);
            varint(name.len() as u64, out);
            out.put_slice(name);
        }
        Protocol::Binary => {
            out.put_slice(&[0x80, 1, 0, kind]);
            out.put_u32(name.len() as u32);
            out.put_slice(name);
            out.put_i32(message.seq_id);
        }
        Protocol::Old => {
            out.put_u32(name.len() as u32);
            out.put_slice(name);
            out.put_u8(kind);
            out.put_i32(message.seq_id);
        }
    }
    fields(&message.fields, message.protocol == Protocol::Compact, out);
    if message.framed {
        let length = (out.len() - start - 4) as u32;
        if let Some(head) = out.get_mut(start..start + 4) {
            head.copy_from_slice(&length.to_be_bytes());
        }
    }
}

fn fields(fields: &[Field], is_compact: bool, out: &mut BytesMut) {
    let mut last = 0i16;
    for field in fields {
        if is_compact {
            let kind = match field.value {
                Value::Bool(true) => 1,
                Value::Bool(false) => 2,
                _ => compact_code(field.value.kind()),
            };
            match field.id.checked_sub(last) {
                Some(delta @ 1..=15) => out.put_u8((delta as u8) << 4 | kind),
                _ => {
                    out.put_u8(kind);
                    zigzag(i64::from(field.id), out);
                }
            }
            last = field.id;
            if kind <= 2 {
                continue;
            }
        } else {
            out.put_u8(field.value.kind() as u8);
            out.put_i16(field.id);
        }
        value(&field.value, is_compact, out);
    }
    out.put_u8(0);
}

fn value(given: &Value, is_compact: bool, out: &mut BytesMut) {
    match given {
        Value::Bool(flag) => out.put_u8(u8::from(*flag)),
        Value::I8(number) => out.put_i8(*number),
        Value::I16(number) if is_compact => zigzag(i64::from(*number), out),
        Value::I32(number) if is_compact => zigzag(i64::from(*number), out),
        Value::I64(number) if is_compact => zigzag(*number, out),
        Value::I16(number) => out.put_i16(*number),
        Value::I32(number) => out.put_i32(*number),
        Value::I64(number) => out.put_i64(*number),
        Value::Double(number) if is_compact => out.put_f64_le(*number),
        Value::Double(number) => out.put_f64(*number),
        Value::Uuid(id) => out.put_slice(id),
        Value::Binary(bytes) => {
            count(bytes.len(), is_compact, out);
            out.put_slice(bytes);
        }
        Value::Struct(all) => fields(all, is_compact, out),
        Value::Set(kind, values) | Value::List(kind, values) => {
            if is_compact {
                let code = compact_code(*kind);
                match values.len() {
                    short @ 0..=14 => out.put_u8((short as u8) << 4 | code),
                    long => {
                        out.put_u8(0xf0 | code);
                        varint(long as u64, out);
                    }
                }
            } else {
                out.put_u8(*kind as u8);
                out.put_u32(values.len() as u32);
            }
            values.iter().for_each(|element| value(element, is_compact, out));
        }
        Value::Map(key, kind, pairs) => {
            if is_compact {
                varint(pairs.len() as u64, out);
                if !pairs.is_empty() {
                    out.put_u8(compact_code(*key) << 4 | compact_code(*kind));
                }
            } else {
                out.put_slice(&[*key as u8, *kind as u8]);
                out.put_u32(pairs.len() as u32);
            }
            for (key, element) in pairs {
                value(key, is_compact, out);
                value(element, is_compact, out);
            }
        }
    }
}

fn count(length: usize, is_compact: bool, out: &mut BytesMut) {
    match is_compact {
        true => varint(length as u64, out),
        false => out.put_u32(length as u32),
    }
}

fn varint(mut number: u64, out: &mut BytesMut) {
    while number > 0x7f {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

fn zigzag(number: i64, out: &mut BytesMut) {
    varint((number << 1 ^ number >> 63) as u64, out);
}

fn compact_code(kind: Type) -> u8 {
    match kind {
        Type::Bool => 2,
        Type::I8 => 3,
        Type::I16 => 4,
        Type::I32 => 5,
        Type::I64 => 6,
        Type::Double => 7,
        Type::Binary => 8,
        Type::List => 9,
        Type::Set => 10,
        Type::Map => 11,
        Type::Struct => 12,
        Type::Uuid => 13,
    }
}
