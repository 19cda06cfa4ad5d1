//! Values into bytes of Hessian 2. See mod.rs.
use super::Value;
use bytes::{BufMut, BytesMut};

/// Units of a text, or bytes, in one chunk.
const CHUNK: usize = 0x8000;

/// Appends a value, each in its shortest form. Lists and maps go without a type, objects as maps. References are numbered
/// as [`Value`] says.
pub fn encode(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => out.put_u8(b'N'),
        Value::Bool(flag) => out.put_u8(if *flag { b'T' } else { b'F' }),
        Value::Int(number) => int(*number, out),
        Value::Long(number) => long(*number, out),
        Value::Double(number) => double(*number, out),
        Value::Date(time) => match i32::try_from(time / 60_000) {
            Ok(minutes) if time % 60_000 == 0 => {
                out.put_u8(0x4b);
                out.put_i32(minutes);
            }
            _ => {
                out.put_u8(0x4a);
                out.put_i64(*time);
            }
        },
        Value::String(value) => text(value, out),
        Value::Binary(bytes) => binary(bytes, out),
        Value::List(values) => {
            match u8::try_from(values.len()) {
                Ok(count) if count < 8 => out.put_u8(0x78 + count),
                _ => {
                    out.put_u8(0x58);
                    int(length(values.len()), out);
                }
            }
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Map(pairs) => {
            out.put_u8(b'H');
            for (key, value) in pairs {
                encode(key, out);
                encode(value, out);
            }
            out.put_u8(b'Z');
        }
        Value::Object(class, values) => {
            out.put_u8(b'H');
            for (name, value) in class.fields.iter().zip(values) {
                text(name, out);
                encode(value, out);
            }
            out.put_u8(b'Z');
        }
        Value::Ref(index) => {
            out.put_u8(b'Q');
            int(length(*index), out);
        }
    }
}

/// A number of values: all of them are in memory, so far fewer than 2^31.
fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn int(number: i32, out: &mut BytesMut) {
    match number {
        -0x10..=0x2f => out.put_u8((0x90 + number) as u8),
        -0x800..=0x7ff => out.put_u16((0xc800 + number) as u16),
        -0x40000..=0x3ffff => {
            let bits = 0x00d4_0000 + number;
            out.put_u8((bits >> 16) as u8);
            out.put_u16(bits as u16);
        }
        _ => {
            out.put_u8(b'I');
            out.put_i32(number);
        }
    }
}

fn long(number: i64, out: &mut BytesMut) {
    match number {
        -0x08..=0x0f => out.put_u8((0xe0 + number) as u8),
        -0x800..=0x7ff => out.put_u16((0xf800 + number) as u16),
        -0x40000..=0x3ffff => {
            let bits = 0x003c_0000 + number;
            out.put_u8((bits >> 16) as u8);
            out.put_u16(bits as u16);
        }
        _ => match i32::try_from(number) {
            Ok(number) => {
                out.put_u8(0x59);
                out.put_i32(number);
            }
            Err(_) => {
                out.put_u8(b'L');
                out.put_i64(number);
            }
        },
    }
}

fn double(number: f64, out: &mut BytesMut) {
    let whole = number as i16;
    // Bits, for -0 is no 0.
    if f64::from(whole).to_bits() != number.to_bits() {
        out.put_u8(b'D');
        return out.put_f64(number);
    }
    match (whole, i8::try_from(whole)) {
        (0, _) => out.put_u8(0x5b),
        (1, _) => out.put_u8(0x5c),
        (_, Ok(byte)) => {
            out.put_u8(0x5d);
            out.put_i8(byte);
        }
        _ => {
            out.put_u8(0x5e);
            out.put_i16(whole);
        }
    }
}

fn binary(bytes: &[u8], out: &mut BytesMut) {
    let mut left = bytes;
    while let Some((chunk, rest)) = left.split_at_checked(CHUNK).filter(|(_, rest)| !rest.is_empty()) {
        out.put_u8(b'A');
        out.put_u16(CHUNK as u16);
        out.put_slice(chunk);
        left = rest;
    }
    let length = left.len() as u16;
    match length {
        0..=0x0f => out.put_u8(0x20 + length as u8),
        0x10..=0x3ff => out.put_u16(0x3400 + length),
        _ => {
            out.put_u8(b'B');
            out.put_u16(length);
        }
    }
    out.put_slice(left);
}

/// Units of UTF-16, each in one to three bytes: what Java writes, and the only form that it reads.
fn text(text: &str, out: &mut BytesMut) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut left = units.as_slice();
    while let Some((chunk, rest)) = left.split_at_checked(CHUNK).filter(|(_, rest)| !rest.is_empty()) {
        out.put_u8(b'R');
        out.put_u16(CHUNK as u16);
        chunk.iter().for_each(|unit| character(*unit, out));
        left = rest;
    }
    let length = left.len() as u16;
    match length {
        0..=0x1f => out.put_u8(length as u8),
        0x20..=0x3ff => out.put_u16(0x3000 + length),
        _ => {
            out.put_u8(b'S');
            out.put_u16(length);
        }
    }
    left.iter().for_each(|unit| character(*unit, out));
}

fn character(unit: u16, out: &mut BytesMut) {
    let low = |shift: u16| 0x80 | ((unit >> shift) & 0x3f) as u8;
    match unit {
        0..=0x7f => out.put_u8(unit as u8),
        0x80..=0x7ff => out.put_slice(&[0xc0 | (unit >> 6) as u8, low(0)]),
        _ => out.put_slice(&[0xe0 | (unit >> 12) as u8, low(6), low(0)]),
    }
}
