//! RESP 2, the protocol of Redis: values out of bytes and back.
//!
//! For: simple strings, errors, integers, bulk strings, arrays, null. Not for: inline commands, RESP 3. Source: the page "RESP protocol
//! spec" of redis.io, version 2.
use crate::Chunks;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Most bytes of a line: a type byte, then a number, a status or an error.
pub const MAX_LINE_BYTES: usize = 64 << 10;
/// Arrays in one another.
pub const MAX_DEPTH: usize = 32;
/// Elements of all arrays of one value: they cost memory before they come.
pub const MAX_ELEMENTS: usize = 1 << 20;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `+`: a line of text.
    Simple(String),
    /// `-`: a line of text that is an error.
    Error(String),
    /// `:`
    Integer(i64),
    /// `$`: any bytes.
    Bulk(Bytes),
    /// `*`
    Array(Vec<Value>),
    /// `$-1` or `*-1`
    Null,
}

/// Why bytes are no RESP. Nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not one of `+-:$*`.
    #[error("byte {0:#04x} begins no value")]
    Type(u8),
    /// Not a decimal number of 64 bits, or a negative length other than -1.
    #[error("malformed number")]
    Number,
    /// A line feed without its carriage return, or the reverse.
    #[error("malformed line end")]
    LineEnd,
    /// See [`MAX_LINE_BYTES`].
    #[error("a line is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    /// Beyond the decoder's bound.
    #[error("a value is longer than {0} bytes")]
    TooLong(usize),
    /// See [`MAX_DEPTH`] and [`MAX_ELEMENTS`].
    #[error("arrays nest too deeply, or hold too much")]
    TooMany,
    /// The input ends inside of a value.
    #[error("the stream ends inside of a value")]
    Truncated,
}

/// Bytes into values.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    line: BytesMut,
    /// A bulk string: what is left of it and of its line end, and its bytes.
    bulk: Option<(usize, BytesMut)>,
    /// Arrays that are not complete: elements that are missing, and those that came.
    open: Vec<(usize, Vec<Value>)>,
    elements: usize,
    bytes: usize,
    failed: Option<Error>,
}

impl Decoder {
    /// `max_bytes`: of all strings of one value.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            line: BytesMut::new(),
            bulk: None,
            open: Vec::new(),
            elements: 0,
            bytes: 0,
            failed: None,
        }
    }

    /// The next value; None when more input is needed.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Value>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let value = self.step(input);
        if let Err(error) = value {
            self.failed = Some(error);
        }
        value
    }

    fn step(&mut self, input: &mut Chunks) -> Result<Option<Value>, Error> {
        while let Some(value) = self.element(input)? {
            if let Some(value) = self.place(value) {
                (self.elements, self.bytes) = (0, 0);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// A value that is no array with elements to come.
    fn element(&mut self, input: &mut Chunks) -> Result<Option<Value>, Error> {
        loop {
            if let Some((left, bytes)) = &mut self.bulk {
                while *left > 0 {
                    let Some(chunk) = input.take_front(*left) else {
                        return Ok(None);
                    };
                    *left -= chunk.len();
                    bytes.extend_from_slice(&chunk);
                }
                let Some((_, mut bytes)) = self.bulk.take() else {
                    return Ok(None);
                };
                let end = bytes.split_off(bytes.len().saturating_sub(2));
                if *end != *b"\r\n" {
                    return Err(Error::LineEnd);
                }
                return Ok(Some(Value::Bulk(bytes.freeze())));
            }
            let Some(line) = self.take_line(input)? else {
                return Ok(None);
            };
            let Some((&kind, rest)) = line.split_first() else {
                return Err(Error::LineEnd);
            };
            let text = || String::from_utf8_lossy(rest).into_owned();
            match kind {
                b'+' => return Ok(Some(Value::Simple(text()))),
                b'-' => return Ok(Some(Value::Error(text()))),
                b':' => return Ok(Some(Value::Integer(number(rest)?))),
                b'$' => match length(rest)? {
                    None => return Ok(Some(Value::Null)),
                    Some(length) => {
                        self.bytes = self.bytes.saturating_add(length);
                        if self.bytes > self.max_bytes {
                            return Err(Error::TooLong(self.max_bytes));
                        }
                        self.bulk = Some((length + 2, BytesMut::new()));
                    }
                },
                b'*' => match length(rest)? {
                    None => return Ok(Some(Value::Null)),
                    Some(0) => return Ok(Some(Value::Array(Vec::new()))),
                    Some(count) => {
                        self.elements = self.elements.saturating_add(count);
                        if self.open.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
                            return Err(Error::TooMany);
                        }
                        self.open.push((count, Vec::new()));
                    }
                },
                other => return Err(Error::Type(other)),
            }
        }
    }

    /// A line without its end.
    fn take_line(&mut self, input: &mut Chunks) -> Result<Option<Bytes>, Error> {
        loop {
            let front = input.front();
            if front.is_empty() {
                return Ok(None);
            }
            let end = memchr::memchr(b'\n', front);
            let count = end.map_or(front.len(), |at| at + 1);
            if self.line.len() + count > MAX_LINE_BYTES {
                return Err(Error::LineTooLong);
            }
            self.line.extend_from_slice(front.get(..count).unwrap_or_default());
            input.advance(count);
            if end.is_some() {
                let mut line = self.line.split().freeze();
                let body = line.len().saturating_sub(2);
                if line.get(body..) != Some(b"\r\n") || memchr::memchr(b'\r', &line) != Some(body) {
                    return Err(Error::LineEnd);
                }
                line.truncate(body);
                return Ok(Some(line));
            }
        }
    }

    /// Puts a value into the innermost array; gives what is complete then.
    fn place(&mut self, mut value: Value) -> Option<Value> {
        while let Some((missing, mut values)) = self.open.pop() {
            values.push(value);
            if missing > 1 {
                self.open.push((missing - 1, values));
                return None;
            }
            value = Value::Array(values);
        }
        Some(value)
    }

    /// The input has ended.
    /// # Errors
    /// `Truncated` inside of a value; an earlier error again.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.line.is_empty() && self.bulk.is_none() && self.open.is_empty() => Ok(()),
            None => Err(Error::Truncated),
        }
    }
}

fn number(text: &[u8]) -> Result<i64, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::Number)?;
    text.parse().map_err(|_| Error::Number)
}

/// None for -1.
fn length(text: &[u8]) -> Result<Option<usize>, Error> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| Error::Number),
    }
}

/// Appends a value. Text of a line that holds a line end goes as a bulk string, so that it stays one value.
pub fn encode(value: &Value, out: &mut BytesMut) {
    let mut line = |kind: u8, text: &str| {
        out.put_u8(kind);
        out.put_slice(text.as_bytes());
        out.put_slice(b"\r\n");
    };
    match value {
        Value::Simple(text) if !text.contains(['\r', '\n']) => line(b'+', text),
        Value::Simple(text) => encode(&Value::Bulk(Bytes::copy_from_slice(text.as_bytes())), out),
        Value::Error(text) => line(b'-', &text.replace(['\r', '\n'], " ")),
        Value::Integer(number) => line(b':', &number.to_string()),
        Value::Null => line(b'$', "-1"),
        Value::Bulk(bytes) => {
            line(b'$', &bytes.len().to_string());
            out.put(bytes.clone().chunk());
            out.put_slice(b"\r\n");
        }
        Value::Array(values) => {
            line(b'*', &values.len().to_string());
            values.iter().for_each(|value| encode(value, out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{feed, split_everywhere};

    fn decode(text: &[u8]) -> (Vec<Value>, Option<Error>) {
        split_everywhere(text, |pieces| {
            let mut decoder = Decoder::new(1000);
            let (mut values, mut failed) = (Vec::new(), None);
            feed(pieces, |input| {
                while failed.is_none() {
                    match decoder.decode(input) {
                        Ok(Some(value)) => values.push(value),
                        Ok(None) => break,
                        Err(error) => failed = Some(error),
                    }
                }
            });
            (values, failed.or(decoder.finish().err()))
        })
    }

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    /// Samples of the protocol's own page, and their values.
    #[test]
    fn samples() {
        let simple = |text: &str| Value::Simple(text.to_owned());
        for (text, value) in [
            ("+OK\r\n", simple("OK")),
            (
                "-ERR unknown command 'asdf'\r\n",
                Value::Error("ERR unknown command 'asdf'".to_owned()),
            ),
            (":1000\r\n", Value::Integer(1000)),
            (":-1\r\n", Value::Integer(-1)),
            ("$5\r\nhello\r\n", bulk("hello")),
            ("$0\r\n\r\n", bulk("")),
            ("$-1\r\n", Value::Null),
            ("*0\r\n", Value::Array(vec![])),
            (
                "*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n",
                Value::Array(vec![bulk("hello"), bulk("world")]),
            ),
            (
                "*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*2\r\n+Hello\r\n-World\r\n",
                Value::Array(vec![
                    Value::Array(vec![Value::Integer(1), Value::Integer(2), Value::Integer(3)]),
                    Value::Array(vec![simple("Hello"), Value::Error("World".to_owned())]),
                ]),
            ),
            (
                "*3\r\n$5\r\nhello\r\n$-1\r\n$5\r\nworld\r\n",
                Value::Array(vec![bulk("hello"), Value::Null, bulk("world")]),
            ),
            ("$4\r\na\r\nb\r\n", bulk("a\r\nb")),
        ] {
            assert_eq!(decode(text.as_bytes()), (vec![value.clone()], None), "{text:?}");
            let mut out = BytesMut::new();
            encode(&value, &mut out);
            assert_eq!(out, text, "{value:?}");
        }
        assert_eq!(decode(b"+a\r\n:1\r\n").0.len(), 2);
        assert_eq!(decode(b"*-1\r\n"), (vec![Value::Null], None));
    }

    #[test]
    fn what_is_wrong() {
        let deep = "*1\r\n".repeat(MAX_DEPTH + 1);
        let long = format!("+{}", "a".repeat(MAX_LINE_BYTES));
        for (text, error) in [
            ("GET a\r\n", Error::Type(b'G')),
            (":1x\r\n", Error::Number),
            (":\r\n", Error::Number),
            ("$-2\r\n", Error::Number),
            ("$99999999999999999999\r\n", Error::Number),
            ("$1001\r\n", Error::TooLong(1000)),
            ("*2\r\n$600\r\n", Error::Truncated),
            ("*9999999\r\n", Error::TooMany),
            ("+a\n", Error::LineEnd),
            ("+a\rb\r\n", Error::LineEnd),
            ("$1\r\nab\r\n", Error::LineEnd),
            ("\r\n", Error::LineEnd),
            (deep.as_str(), Error::TooMany),
            ("+OK", Error::Truncated),
            ("$5\r\nhel", Error::Truncated),
            ("*2\r\n:1\r\n", Error::Truncated),
        ] {
            assert_eq!(decode(text.as_bytes()), (vec![], Some(error)), "{text:?}");
        }
        let mut input = Chunks::new();
        input.push(long.into());
        assert_eq!(Decoder::new(1000).decode(&mut input), Err(Error::LineTooLong));
    }

    #[test]
    fn text_with_a_line_end_stays_one_value() {
        let mut out = BytesMut::new();
        encode(&Value::Simple("a\r\n+b".to_owned()), &mut out);
        assert_eq!(decode(&out), (vec![bulk("a\r\n+b")], None));
    }
}
