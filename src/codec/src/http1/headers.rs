//! One header block: names in their original spelling, looked up without regard to case.
//!
//! For: passing a head through a proxy without a string per header. A decoded block is one `Bytes` and a list of ranges.
//! Source: RFC 9110 5; pipyjs/http.md section 1.
use super::Error;
use super::grammar::{is_token, is_value, trim};
use super::hops::{self, Named};
use bytes::Bytes;
use std::fmt;

/// Where one line's name and value stand: positions in `block`, then (past its end) in `extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name_at: u32,
    pub(crate) name_len: u32,
    pub(crate) value_at: u32,
    pub(crate) value_len: u32,
}

/// Header lines in order. Whatever is in here may be sent: the decoder and `push` refuse what would break the framing.
#[derive(Clone, Default)]
pub struct Headers {
    /// The head as it was received; start line included.
    block: Bytes,
    /// Names and values that were pushed.
    extra: Vec<u8>,
    fields: Vec<Field>,
    /// Which lengths the names have: see `length_bit`. May have more than are left.
    lengths: u32,
}

/// One bit a length of names; the last one stands for all that are longer. Most questions are about names of which there is none even
/// of that length, so no line is looked at.
const fn length_bit(name_len: u32) -> u32 {
    1 << if name_len < 31 { name_len } else { 31 }
}

impl Headers {
    /// No lines. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            block: Bytes::new(),
            extra: Vec::new(),
            fields: Vec::new(),
            lengths: 0,
        }
    }

    /// `fields` must be ranges of `block`.
    pub(crate) fn from_block(block: Bytes, fields: Vec<Field>) -> Self {
        let lengths = fields.iter().fold(0, |bits, field| bits | length_bit(field.name_len));
        Self {
            block,
            extra: Vec::new(),
            fields,
            lengths,
        }
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Lines in order: name in its original spelling, value without blanks around it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.fields.iter().map(|field| (self.name(field), self.value(field)))
    }

    /// Value of the last line of that name (the last one wins: pipyjs/http.md 1).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.candidates(name)
            .iter()
            .rev()
            .find(|field| self.is_named(field, name))
            .map(|field| self.value(field))
    }

    /// Positions of the first and the last line of that name: the same for a name that does not repeat.
    pub fn positions(&self, name: &str) -> Option<(usize, usize)> {
        let first = self.fields.iter().position(|field| self.is_named(field, name))?;
        let last = self.fields.iter().rposition(|field| self.is_named(field, name))?;
        Some((first, last))
    }

    /// Name and value of the line at this position.
    pub fn line(&self, position: usize) -> Option<(&[u8], &[u8])> {
        let field = self.fields.get(position)?;
        Some((self.name(field), self.value(field)))
    }

    /// Values of all lines of that name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.candidates(name)
            .iter()
            .filter(move |field| self.is_named(field, name))
            .map(|field| self.value(field))
    }

    /// Whether there is a line of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.candidates(name).iter().any(|field| self.is_named(field, name))
    }

    /// Whether one of the comma-separated lists of that name has `token`, compared without regard to case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_all(name).any(|list| {
            list.split(|&byte| byte == b',')
                .any(|item| trim(item).eq_ignore_ascii_case(token.as_bytes()))
        })
    }

    /// Whether the comma-separated lists of that name have `token` and no other, compared without regard to case.
    pub fn has_only_token(&self, name: &str, token: &str) -> bool {
        let others = |list: &[u8]| {
            list.split(|&byte| byte == b',')
                .map(trim)
                .any(|item| !item.is_empty() && !item.eq_ignore_ascii_case(token.as_bytes()))
        };
        self.has_token(name, token) && !self.get_all(name).any(others)
    }

    /// Adds a line at the end; blanks around the value are dropped.
    /// # Errors
    /// `HeaderName` or `HeaderValue` for what no peer would accept or what would smuggle a line.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let field = self.store(name, value)?;
        self.fields.push(field);
        Ok(())
    }

    /// Gives `name` this one value: in place of its first line, else at the end.
    /// # Errors
    /// As `push`; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let field = self.store(name.as_bytes(), value)?;
        let place = self.fields.iter().position(|old| self.is_named(old, name));
        self.remove(name);
        match place {
            Some(place) => self.fields.insert(place, field),
            None => self.fields.push(field),
        }
        Ok(())
    }

    /// Gives the line at this position another value; its name stays as it is spelled.
    /// # Errors
    /// As `push`; nothing is changed then, nor for a position that there is not.
    pub fn set_value(&mut self, position: usize, value: &[u8]) -> Result<(), Error> {
        let stored = self.store(b"-", value)?;
        if let Some(field) = self.fields.get_mut(position) {
            field.value_at = stored.value_at;
            field.value_len = stored.value_len;
        }
        Ok(())
    }

    /// Drops all lines of that name; yields how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        if self.candidates(name).is_empty() {
            return 0;
        }
        let before = self.fields.len();
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| !self.is_named(field, name));
        self.fields = fields;
        before - self.fields.len()
    }

    /// Drops the lines that were received about the connection they came over, and are not for the next one: `connection` and
    /// what it names, `te`, `proxy-connection`, `http2-settings`, and `upgrade` unless it is passed on (RFC 9110 7.6.1). Lines that were set
    /// since, and `host`, stay.
    pub fn drop_hops(&mut self, keeps_upgrade: bool) {
        let named = match self.get_all("connection").any(hops::names_more) {
            true => Named::of(self),
            false => Named::default(),
        };
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| {
            !(self.is_named(field, "connection")
                || hops::is_hop(self, field, keeps_upgrade)
                || named.has(self, field, keeps_upgrade))
        });
        self.fields = fields;
    }

    /// Bytes that this keeps alive, the received block included.
    pub fn held_bytes(&self) -> usize {
        self.block.len() + self.extra.capacity() + self.fields.capacity() * size_of::<Field>()
    }

    /// Whether the bytes are the same, kept in the same way: quicker than `==`, and false for some lists that are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.fields == other.fields && self.block == other.block && self.extra == other.extra
    }

    /// The same, in memory of its own: keeping it does not keep what it was read from.
    pub(crate) fn detached(&self) -> Self {
        Self {
            block: Bytes::copy_from_slice(&self.block),
            ..self.clone()
        }
    }

    /// A number that is most often another one for another list; for deciding what to keep, nothing else.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut sum = self.block.len() as u64;
        for text in [&self.block[..], &self.extra] {
            for &word in text.as_chunks::<8>().0 {
                sum = (sum.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
        }
        sum
    }

    pub(crate) fn block(&self) -> &Bytes {
        &self.block
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn name(&self, field: &Field) -> &[u8] {
        self.range(field.name_at, field.name_len)
    }

    pub(crate) fn value(&self, field: &Field) -> &[u8] {
        self.range(field.value_at, field.value_len)
    }

    fn range(&self, at: u32, len: u32) -> &[u8] {
        let (at, len) = (at as usize, len as usize);
        let slice = match at.checked_sub(self.block.len()) {
            None => self.block.get(at..at + len),
            // An empty value at the very end of the block lands here too: both give nothing.
            Some(at) => self.extra.get(at..at + len),
        };
        slice.unwrap_or_default()
    }

    /// The lines among which those of that name are: none, or all.
    fn candidates(&self, name: &str) -> &[Field] {
        match self.lengths & length_bit(name.len() as u32) {
            0 => &[],
            _ => &self.fields,
        }
    }

    fn is_named(&self, field: &Field, name: &str) -> bool {
        field.name_len as usize == name.len() && self.name(field).eq_ignore_ascii_case(name.as_bytes())
    }

    fn store(&mut self, name: &[u8], value: &[u8]) -> Result<Field, Error> {
        let value = trim(value);
        if !is_token(name) {
            return Err(Error::HeaderName);
        }
        if !is_value(value) {
            return Err(Error::HeaderValue);
        }
        self.extra.reserve(name.len() + value.len());
        let at = self.block.len() + self.extra.len();
        // Ranges are 32 bits wide: a script that builds gigabytes of headers is refused here, not wrapped around.
        let end = u32::try_from(at + name.len() + value.len()).map_err(|_| Error::HeadTooLarge(u32::MAX as usize))?;
        self.extra.extend_from_slice(name);
        self.extra.extend_from_slice(value);
        let value_len = value.len() as u32;
        let name_len = name.len() as u32;
        self.lengths |= length_bit(name_len);
        Ok(Field {
            name_at: end - value_len - name_len,
            name_len,
            value_at: end - value_len,
            value_len,
        })
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    /// Names and sizes only: values may be secrets, and this may end in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.len())),
            )
            .finish()
    }
}
