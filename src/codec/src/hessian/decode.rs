//! Bytes of Hessian 2 into values. See mod.rs.
use super::{Class, Error, MAX_DEPTH, MAX_NAMES, MAX_VALUES, Value};
use bytes::{Buf, Bytes, BytesMut};
use std::rc::Rc;

/// Reads the values that stand one after the other in a buffer; they share classes, types and references.
#[derive(Debug)]
pub struct Decoder {
    input: Bytes,
    classes: Vec<Rc<Class>>,
    types: usize,
    /// Lists, maps and objects that have begun.
    containers: usize,
    values: usize,
}

impl Decoder {
    /// `input`: all values, whole.
    pub fn new(input: Bytes) -> Self {
        Self {
            input,
            classes: Vec::new(),
            types: 0,
            containers: 0,
            values: 0,
        }
    }

    /// The next value; None at the end.
    /// # Errors
    /// See [`Error`]. What follows one is not to be read.
    pub fn decode(&mut self) -> Result<Option<Value>, Error> {
        match self.input.is_empty() {
            true => Ok(None),
            false => self.value(0).map(Some),
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.input.try_get_u8().map_err(|_| Error::Truncated)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let mut tag = self.byte()?;
        while tag == b'C' {
            self.class()?;
            tag = self.byte()?;
        }
        self.tagged(tag, depth)
    }

    fn tagged(&mut self, tag: u8, depth: usize) -> Result<Value, Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::TooMany);
        }
        Ok(match tag {
            b'N' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'I' | 0x80..=0xd7 => Value::Int(self.int(tag)?),
            b'L' | 0x59 | 0x38..=0x3f | 0xd8..=0xff => Value::Long(self.long(tag)?),
            b'D' | 0x5b..=0x5f => Value::Double(self.double(tag)?),
            0x4a => Value::Date(self.wide()? as i64),
            0x4b => Value::Date(i64::from(self.word()? as i32) * 60_000),
            b'S' | b'R' | 0x00..=0x1f | 0x30..=0x33 => Value::String(self.text(tag)?),
            b'B' | b'A' | 0x20..=0x2f | 0x34..=0x37 => Value::Binary(self.binary(tag)?),
            b'Q' => Value::Ref(self.index(self.containers)?),
            _ => {
                if depth >= MAX_DEPTH {
                    return Err(Error::TooDeep);
                }
                self.container(tag, depth + 1)?
            }
        })
    }

    fn container(&mut self, tag: u8, depth: usize) -> Result<Value, Error> {
        self.containers += 1;
        match tag {
            b'U' | b'W' => {
                if tag == b'U' {
                    self.type_name()?;
                }
                let mut values = Vec::new();
                while !self.at_end()? {
                    values.push(self.value(depth)?);
                }
                Ok(Value::List(values))
            }
            b'V' | b'X' | 0x70..=0x7f => {
                if matches!(tag, b'V' | 0x70..=0x77) {
                    self.type_name()?;
                }
                let count = match tag {
                    b'V' | b'X' => self.length()?,
                    _ => usize::from(tag & 7),
                };
                // Not reserved: the count is only what the peer says.
                let values = (0..count).map(|_| self.value(depth));
                Ok(Value::List(values.collect::<Result<_, _>>()?))
            }
            b'M' | b'H' => {
                if tag == b'M' {
                    self.type_name()?;
                }
                let mut pairs = Vec::new();
                while !self.at_end()? {
                    pairs.push((self.value(depth)?, self.value(depth)?));
                }
                Ok(Value::Map(pairs))
            }
            b'O' | 0x60..=0x6f => {
                let index = match tag {
                    b'O' => self.index(self.classes.len())?,
                    _ => usize::from(tag & 15),
                };
                let class = self.classes.get(index).cloned().ok_or(Error::Number)?;
                let values = class.fields.iter().map(|_| self.value(depth));
                let values = values.collect::<Result<_, _>>()?;
                Ok(Value::Object(class, values))
            }
            other => Err(Error::Tag(other)),
        }
    }

    /// Takes the `Z` that ends a list or map.
    fn at_end(&mut self) -> Result<bool, Error> {
        let is_end = *self.input.first().ok_or(Error::Truncated)? == b'Z';
        if is_end {
            self.input.advance(1);
        }
        Ok(is_end)
    }

    fn class(&mut self) -> Result<(), Error> {
        let name = self.name()?;
        let count = self.length()?;
        if self.classes.len() >= MAX_NAMES || count > MAX_NAMES {
            return Err(Error::TooMany);
        }
        let fields = (0..count).map(|_| self.name());
        let fields = fields.collect::<Result<_, _>>()?;
        self.classes.push(Rc::new(Class { name, fields }));
        Ok(())
    }

    /// A type: its name, or the number of one that came before. Neither is kept, but names are counted.
    fn type_name(&mut self) -> Result<(), Error> {
        let tag = self.byte()?;
        if let b'I' | 0x80..=0xd7 = tag {
            let index = self.int(tag)?;
            return match usize::try_from(index) {
                Ok(index) if index < self.types => Ok(()),
                _ => Err(Error::Number),
            };
        }
        self.text(tag)?;
        self.types += 1;
        match self.types > MAX_NAMES {
            true => Err(Error::TooMany),
            false => Ok(()),
        }
    }

    fn name(&mut self) -> Result<String, Error> {
        let tag = self.byte()?;
        self.text(tag)
    }

    /// A number of elements.
    fn length(&mut self) -> Result<usize, Error> {
        let tag = self.byte()?;
        usize::try_from(self.int(tag)?).map_err(|_| Error::Number)
    }

    /// A number below `bound`.
    fn index(&mut self, bound: usize) -> Result<usize, Error> {
        let index = self.length()?;
        if index < bound { Ok(index) } else { Err(Error::Number) }
    }

    fn word(&mut self) -> Result<u32, Error> {
        self.input.try_get_u32().map_err(|_| Error::Truncated)
    }

    fn wide(&mut self) -> Result<u64, Error> {
        self.input.try_get_u64().map_err(|_| Error::Truncated)
    }

    fn short(&mut self) -> Result<u16, Error> {
        self.input.try_get_u16().map_err(|_| Error::Truncated)
    }

    fn int(&mut self, tag: u8) -> Result<i32, Error> {
        let high = i32::from(tag);
        Ok(match tag {
            b'I' => self.word()? as i32,
            0x80..=0xbf => high - 0x90,
            0xc0..=0xcf => ((high - 0xc8) << 8) + i32::from(self.byte()?),
            0xd0..=0xd7 => ((high - 0xd4) << 16) + i32::from(self.short()?),
            other => return Err(Error::Tag(other)),
        })
    }

    fn long(&mut self, tag: u8) -> Result<i64, Error> {
        let high = i64::from(tag);
        Ok(match tag {
            b'L' => self.wide()? as i64,
            0x59 => i64::from(self.word()? as i32),
            0x38..=0x3f => ((high - 0x3c) << 16) + i64::from(self.short()?),
            0xd8..=0xef => high - 0xe0,
            0xf0..=0xff => ((high - 0xf8) << 8) + i64::from(self.byte()?),
            other => return Err(Error::Tag(other)),
        })
    }

    fn double(&mut self, tag: u8) -> Result<f64, Error> {
        Ok(match tag {
            0x5b => 0.0,
            0x5c => 1.0,
            0x5d => f64::from(self.byte()? as i8),
            0x5e => f64::from(self.short()? as i16),
            // DEVIATES: see the test `doubles_in_thousandths`.
            0x5f => f64::from(self.word()? as i32) / 1000.0,
            _ => f64::from_bits(self.wide()?),
        })
    }

    fn binary(&mut self, tag: u8) -> Result<Bytes, Error> {
        let (mut tag, mut whole) = (tag, BytesMut::new());
        loop {
            let length = match tag {
                b'A' | b'B' => usize::from(self.short()?),
                0x20..=0x2f => usize::from(tag & 15),
                0x34..=0x37 => (usize::from(tag & 3) << 8) + usize::from(self.byte()?),
                other => return Err(Error::Tag(other)),
            };
            if length > self.input.len() {
                return Err(Error::Truncated);
            }
            let chunk = self.input.split_to(length);
            if tag != b'A' && whole.is_empty() {
                return Ok(chunk);
            }
            whole.extend_from_slice(&chunk);
            if tag != b'A' {
                return Ok(whole.freeze());
            }
            tag = self.byte()?;
        }
    }

    /// Lengths count units of UTF-16, each of which is up to three bytes; a pair of them may be four.
    fn text(&mut self, tag: u8) -> Result<String, Error> {
        let (mut tag, mut units) = (tag, Vec::new());
        loop {
            let length = match tag {
                b'R' | b'S' => usize::from(self.short()?),
                0x00..=0x1f => usize::from(tag),
                0x30..=0x33 => (usize::from(tag & 3) << 8) + usize::from(self.byte()?),
                other => return Err(Error::Tag(other)),
            };
            let end = units.len() + length;
            while units.len() < end {
                self.character(&mut units)?;
            }
            if units.len() > end {
                return Err(Error::Text);
            }
            if tag != b'R' {
                return Ok(String::from_utf16_lossy(&units));
            }
            tag = self.byte()?;
        }
    }

    fn character(&mut self, units: &mut Vec<u16>) -> Result<(), Error> {
        let first = self.byte()?;
        let (mut code, more) = match first {
            0x00..=0x7f => (u32::from(first), 0),
            0xc0..=0xdf => (u32::from(first & 0x1f), 1),
            0xe0..=0xef => (u32::from(first & 0x0f), 2),
            0xf0..=0xf7 => (u32::from(first & 0x07), 3),
            _ => return Err(Error::Text),
        };
        for _ in 0..more {
            let byte = self.byte()?;
            if byte & 0xc0 != 0x80 {
                return Err(Error::Text);
            }
            code = (code << 6) | u32::from(byte & 0x3f);
        }
        match u16::try_from(code) {
            Ok(unit) => units.push(unit),
            Err(_) => {
                let character = char::from_u32(code).ok_or(Error::Text)?;
                units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            }
        }
        Ok(())
    }
}
