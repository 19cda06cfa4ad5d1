//! Bytes into messages. Each token is taken when it is there whole, so a message that comes byte by byte costs what one costs that comes
//! at once.
use super::{COMPACT, Error, Field, Kind, MAX_DEPTH, MAX_ELEMENTS, Message, Protocol, Type, Value};
use crate::Chunks;
use bytes::{Buf, Bytes, BytesMut};

/// What is wrong with a frame whose message ends elsewhere.
const FRAME: &str = "a frame holds more or less than a message";

/// A token, or None when more input is needed.
type Token<T> = Result<Option<T>, Error>;

/// Yields what is there; returns None from the function when it is not.
macro_rules! need {
    ($token:expr) => {
        match $token? {
            Some(token) => token,
            None => return Ok(None),
        }
    };
}

/// Bytes into messages.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    buffer: BytesMut,
    /// Bytes of the message that were taken from the buffer.
    taken: usize,
    /// The message whose fields come.
    message: Option<Message>,
    /// Its length stood in front: it is in the buffer whole. What is left of the buffer when it ends.
    frame_rest: Option<usize>,
    open: Vec<Open>,
    elements: usize,
    failed: Option<Error>,
}

/// A container that is not complete.
#[derive(Debug)]
enum Open {
    /// A structure: its fields, the last id, and the field whose value comes.
    Struct(Vec<Field>, i16, Option<(i16, Type)>),
    /// A list or set: type of elements, how many are missing, those that came.
    List(bool, Type, usize, Vec<Value>),
    /// A map: types, pairs that are missing, those that came, a key without its value.
    Map(Type, Type, usize, Vec<(Value, Value)>, Option<Value>),
}

impl Decoder {
    /// `max_bytes`: of one message.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            buffer: BytesMut::new(),
            taken: 0,
            message: None,
            frame_rest: None,
            open: Vec::new(),
            elements: 0,
            failed: None,
        }
    }

    /// The next message; None when more input is needed.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Message>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let message = self.pull(input);
        if let Err(error) = message {
            self.failed = Some(error);
            self.buffer.clear();
            self.open.clear();
        }
        message
    }

    fn pull(&mut self, input: &mut Chunks) -> Token<Message> {
        loop {
            if let Some(message) = self.step()? {
                return Ok(Some(message));
            }
            if self.frame_rest.is_some() {
                return Err(Error::Malformed(FRAME));
            }
            let Some(chunk) = input.pop_front() else {
                return Ok(None);
            };
            self.buffer.extend_from_slice(&chunk);
        }
    }

    fn step(&mut self) -> Token<Message> {
        if self.message.is_none() {
            need!(self.begin());
        }
        loop {
            let value = match self.open.last_mut() {
                None => return Err(Error::Malformed("no structure is open")),
                Some(Open::Struct(_, last, None)) => {
                    let last = *last;
                    match need!(self.field_header(last)) {
                        // The end of the structure.
                        None => match self.close() {
                            Some(value) => value,
                            None => return self.complete().map(Some),
                        },
                        Some((id, kind, value)) => {
                            if let Some(Open::Struct(_, last, field)) = self.open.last_mut() {
                                *last = id;
                                *field = Some((id, kind));
                            }
                            self.count(1)?;
                            match value {
                                Some(value) => value,
                                None => match need!(self.value(kind)) {
                                    Some(value) => value,
                                    None => continue,
                                },
                            }
                        }
                    }
                }
                Some(Open::Struct(_, _, Some((_, kind)))) => {
                    let kind = *kind;
                    match need!(self.value(kind)) {
                        Some(value) => value,
                        None => continue,
                    }
                }
                Some(Open::List(_, _, 0, _)) | Some(Open::Map(_, _, 0, _, _)) => match self.close() {
                    Some(value) => value,
                    None => return Err(Error::Malformed("no structure is open")),
                },
                Some(Open::List(_, kind, ..)) => {
                    let kind = *kind;
                    match need!(self.value(kind)) {
                        Some(value) => value,
                        None => continue,
                    }
                }
                Some(Open::Map(key, value, _, _, waiting)) => {
                    let kind = if waiting.is_some() { *value } else { *key };
                    match need!(self.value(kind)) {
                        Some(value) => value,
                        None => continue,
                    }
                }
            };
            self.place(value);
        }
    }

    /// Puts a value into the innermost container.
    fn place(&mut self, value: Value) {
        match self.open.last_mut() {
            None => {}
            Some(Open::Struct(fields, _, field)) => {
                if let Some((id, _)) = field.take() {
                    fields.push(Field { id, value });
                }
            }
            Some(Open::List(_, _, missing, values)) => {
                *missing = missing.saturating_sub(1);
                values.push(value);
            }
            Some(Open::Map(_, _, missing, pairs, waiting)) => match waiting.take() {
                None => *waiting = Some(value),
                Some(key) => {
                    *missing = missing.saturating_sub(1);
                    pairs.push((key, value));
                }
            },
        }
    }

    /// Closes the innermost container; None when it is the message's own structure.
    fn close(&mut self) -> Option<Value> {
        if self.open.len() <= 1 {
            return None;
        }
        Some(match self.open.pop()? {
            Open::Struct(fields, ..) => Value::Struct(fields),
            Open::List(true, kind, _, values) => Value::Set(kind, values),
            Open::List(false, kind, _, values) => Value::List(kind, values),
            Open::Map(key, value, _, pairs, _) => Value::Map(key, value, pairs),
        })
    }

    /// The message's structure has ended.
    fn complete(&mut self) -> Result<Message, Error> {
        if self.frame_rest.take().is_some_and(|rest| rest != self.buffer.len()) {
            return Err(Error::Malformed(FRAME));
        }
        let (Some(Open::Struct(fields, ..)), Some(mut message)) = (self.open.pop(), self.message.take()) else {
            return Err(Error::Malformed("no structure is open"));
        };
        message.fields = fields;
        (self.taken, self.elements) = (0, 0);
        Ok(message)
    }

    fn count(&mut self, elements: usize) -> Result<(), Error> {
        self.elements = self.elements.saturating_add(elements);
        if self.elements > MAX_ELEMENTS {
            return Err(Error::TooMany);
        }
        Ok(())
    }

    fn open(&mut self, open: Open) -> Token<Option<Value>> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::TooMany);
        }
        self.open.push(open);
        Ok(Some(None))
    }

    /// The head of a message. Bytes that say which protocol it is decide also whether a length stands in front: no name begins with
    /// the first byte of a version, nor with a zero byte.
    fn begin(&mut self) -> Token<()> {
        if self.frame_rest.is_none() && matches!(self.buffer.first(), Some(0..=0x7f)) {
            let Some(mut head) = self.buffer.get(..5) else {
                return Ok(None);
            };
            let length = head.get_u32() as usize;
            if length > 0 && matches!(head.first(), Some(0 | 0x80 | 0x82)) {
                if length > self.max_bytes {
                    return Err(Error::TooLong(self.max_bytes));
                }
                if self.buffer.len() < 4 + length {
                    return Ok(None);
                }
                self.buffer.advance(4);
                self.frame_rest = Some(self.buffer.len() - length);
            }
        }
        let message = need!(self.head());
        self.message = Some(message);
        self.open.push(Open::Struct(Vec::new(), 0, None));
        Ok(Some(()))
    }

    fn head(&mut self) -> Token<Message> {
        let mut at = Cursor::new(self);
        let message = match need!(at.byte()) {
            0x82 => {
                let second = need!(at.byte());
                if second & 0x1f != 1 {
                    return Err(Error::Protocol);
                }
                let seq_id = need!(at.varint(5)) as u32 as i32;
                let name = need!(at.name(Protocol::Compact));
                (Protocol::Compact, second >> 5, seq_id, name)
            }
            0x80 => {
                if need!(at.byte()) != 1 {
                    return Err(Error::Protocol);
                }
                need!(at.byte());
                let kind = need!(at.byte());
                let name = need!(at.name(Protocol::Binary));
                (Protocol::Binary, kind, need!(at.number(4)) as i32, name)
            }
            0..=0x7f => {
                at.used = 0;
                let name = need!(at.name(Protocol::Old));
                let kind = need!(at.byte());
                (Protocol::Old, kind, need!(at.number(4)) as i32, name)
            }
            _ => return Err(Error::Protocol),
        };
        let (used, (protocol, kind, seq_id, name)) = (at.used, message);
        let message = Message {
            protocol,
            framed: self.frame_rest.is_some(),
            kind: Kind::from_code(kind).ok_or(Error::Protocol)?,
            seq_id,
            name,
            fields: Vec::new(),
        };
        self.take(used)?;
        Ok(Some(message))
    }

    fn protocol(&self) -> Protocol {
        self.message
            .as_ref()
            .map_or(Protocol::Binary, |message| message.protocol)
    }

    /// The head of a field: None at the end of the structure; a boolean of the compact protocol has its value there.
    fn field_header(&mut self, last: i16) -> Token<Option<(i16, Type, Option<Value>)>> {
        let is_compact = self.protocol() == Protocol::Compact;
        let mut at = Cursor::new(self);
        let first = need!(at.byte());
        let field = match first {
            0 => None,
            _ if is_compact => {
                if first & 0xf == 0 {
                    return Err(Error::Type(0));
                }
                let kind = compact_type(first & 0xf)?;
                let id = match first >> 4 {
                    0 => zigzag(need!(at.varint(3))) as i16,
                    delta => last.wrapping_add(i16::from(delta)),
                };
                let value = (kind == Type::Bool).then_some(Value::Bool(first & 0xf == 1));
                Some((id, kind, value))
            }
            _ => {
                let kind = Type::from_code(first).ok_or(Error::Type(first))?;
                Some((need!(at.number(2)) as i16, kind, None))
            }
        };
        let used = at.used;
        self.take(used)?;
        Ok(Some(field))
    }

    /// A value; None for one that was opened.
    fn value(&mut self, kind: Type) -> Token<Option<Value>> {
        let is_compact = self.protocol() == Protocol::Compact;
        let mut at = Cursor::new(self);
        let value = match kind {
            // What is neither 1 nor 0 may be the 2 of the compact protocol's types.
            Type::Bool => Value::Bool(need!(at.byte()) == 1),
            Type::I8 => Value::I8(need!(at.byte()) as i8),
            Type::I16 if is_compact => Value::I16(zigzag(need!(at.varint(3))) as i16),
            Type::I32 if is_compact => Value::I32(zigzag(need!(at.varint(5))) as i32),
            Type::I64 if is_compact => Value::I64(zigzag(need!(at.varint(10)))),
            Type::I16 => Value::I16(need!(at.number(2)) as i16),
            Type::I32 => Value::I32(need!(at.number(4)) as i32),
            Type::I64 => Value::I64(need!(at.number(8)) as i64),
            Type::Double => {
                let bits = need!(at.number(8));
                Value::Double(f64::from_bits(if is_compact { bits.swap_bytes() } else { bits }))
            }
            Type::Uuid => {
                let mut id = [0; 16];
                id.copy_from_slice(need!(at.bytes(16)));
                Value::Uuid(id)
            }
            Type::Binary => {
                let length = need!(at.length(is_compact));
                let from = at.used;
                need!(at.bytes(length));
                let used = at.used;
                // Large ones are not copied.
                let mut bytes = self.take(used)?;
                bytes.advance(from);
                return Ok(Some(Some(Value::Binary(bytes))));
            }
            Type::Struct => return self.open(Open::Struct(Vec::new(), 0, None)),
            Type::Set | Type::List => {
                let (element, count) = if is_compact {
                    let first = need!(at.byte());
                    let count = match first >> 4 {
                        15 => need!(at.length(true)),
                        short => usize::from(short),
                    };
                    (compact_type(first & 0xf)?, count)
                } else {
                    (need!(at.kind()), need!(at.length(false)))
                };
                let used = at.used;
                self.take(used)?;
                self.count(count)?;
                return self.open(Open::List(kind == Type::Set, element, count, Vec::new()));
            }
            Type::Map => {
                let (key, value, count) = if is_compact {
                    match need!(at.length(true)) {
                        0 => (Type::Bool, Type::Bool, 0),
                        count => {
                            let kinds = need!(at.byte());
                            (compact_type(kinds >> 4)?, compact_type(kinds & 0xf)?, count)
                        }
                    }
                } else {
                    (need!(at.kind()), need!(at.kind()), need!(at.length(false)))
                };
                let used = at.used;
                self.take(used)?;
                self.count(count)?;
                return self.open(Open::Map(key, value, count, Vec::new(), None));
            }
        };
        let used = at.used;
        self.take(used)?;
        Ok(Some(Some(value)))
    }

    /// Takes bytes of the message from the buffer.
    fn take(&mut self, count: usize) -> Result<Bytes, Error> {
        self.taken += count;
        if self.taken > self.max_bytes {
            return Err(Error::TooLong(self.max_bytes));
        }
        if self.frame_rest.is_some_and(|rest| self.buffer.len() < rest + count) {
            return Err(Error::Malformed(FRAME));
        }
        Ok(self.buffer.split_to(count).freeze())
    }

    /// The input has ended.
    /// # Errors
    /// `Truncated` inside of a message; an earlier error again.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.message.is_none() && self.buffer.is_empty() => Ok(()),
            None => Err(Error::Truncated),
        }
    }
}

/// Looks at the buffer without taking from it.
struct Cursor<'a> {
    bytes: &'a [u8],
    max_bytes: usize,
    used: usize,
}

impl<'a> Cursor<'a> {
    fn new(decoder: &'a Decoder) -> Self {
        Cursor {
            bytes: &decoder.buffer,
            max_bytes: decoder.max_bytes,
            used: 0,
        }
    }

    fn bytes(&mut self, count: usize) -> Token<&'a [u8]> {
        let end = self.used.saturating_add(count);
        let bytes = self.bytes.get(self.used..end);
        if bytes.is_some() {
            self.used = end;
        }
        Ok(bytes)
    }

    fn byte(&mut self) -> Token<u8> {
        Ok(self.bytes(1)?.and_then(|bytes| bytes.first().copied()))
    }

    /// Big endian.
    fn number(&mut self, width: usize) -> Token<u64> {
        let bytes = need!(self.bytes(width));
        Ok(Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
    }

    fn varint(&mut self, most: u32) -> Token<u64> {
        let mut sum = 0;
        for at in 0..most {
            let byte = need!(self.byte());
            sum |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(Some(sum));
            }
        }
        Err(Error::Malformed("a number is too long"))
    }

    fn length(&mut self, is_compact: bool) -> Token<usize> {
        let length = match is_compact {
            true => need!(self.varint(5)),
            false => need!(self.number(4)),
        };
        match i32::try_from(length) {
            Err(_) => Err(Error::Malformed("a negative length")),
            Ok(length) if length as usize > self.max_bytes => Err(Error::TooLong(self.max_bytes)),
            Ok(length) => Ok(Some(length as usize)),
        }
    }

    fn kind(&mut self) -> Token<Type> {
        let code = need!(self.byte());
        // Some leave the types of nothing at 0.
        let kind = if code == 0 {
            Some(Type::Bool)
        } else {
            Type::from_code(code)
        };
        kind.map(Some).ok_or(Error::Type(code))
    }

    fn name(&mut self, protocol: Protocol) -> Token<String> {
        let length = need!(self.length(protocol == Protocol::Compact));
        let bytes = need!(self.bytes(length));
        match std::str::from_utf8(bytes) {
            Ok(name) => Ok(Some(name.to_owned())),
            Err(_) => Err(Error::Malformed("a name that is no text")),
        }
    }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn compact_type(code: u8) -> Result<Type, Error> {
    COMPACT.get(usize::from(code)).copied().ok_or(Error::Type(code))
}
