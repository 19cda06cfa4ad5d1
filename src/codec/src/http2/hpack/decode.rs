//! Header blocks into lists of headers.
//!
//! For: writing names and values straight to where they stay (`Fields`), and keeping the table in step whatever becomes of the list.
//! Source: RFC 7541 3, 4.2, 6.
use super::table::{DYNAMIC, STATIC, Table};
use super::{huffman, integer};
use crate::http2::config::HEADER_TABLE_BYTES;
use crate::http2::field::{Fields, classify};
use bytes::BytesMut;

/// One direction's state.
#[derive(Debug)]
pub(in crate::http2) struct Decoder {
    table: Table,
}

/// Where a literal's name comes from.
enum Name {
    Static(&'static [u8]),
    /// Age in the dynamic table.
    Dynamic(usize),
    New,
}

impl Decoder {
    pub(in crate::http2) fn new() -> Self {
        Self {
            table: Table::new(HEADER_TABLE_BYTES),
        }
    }

    /// Adds the headers of a whole block to `fields`. `None`: the block cannot be understood, and the table is of no use any more.
    pub(in crate::http2) fn decode(&mut self, block: &[u8], fields: &mut Fields) -> Option<()> {
        let mut rest = block;
        let mut may_resize = true;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            match first {
                0x80.. => {
                    let index = integer::read(first, 7, &mut rest)?;
                    self.indexed(index, fields)?;
                }
                0x40.. => {
                    let index = integer::read(first, 6, &mut rest)?;
                    self.literal(index, true, &mut rest, fields)?;
                }
                0x20.. => {
                    // Only at the start of a block, and not above what we allow (RFC 7541 4.2, 6.3).
                    let max = integer::read(first, 5, &mut rest)?;
                    if !may_resize || max > HEADER_TABLE_BYTES {
                        return None;
                    }
                    self.table.resize(max);
                    continue;
                }
                // Never indexed or just not indexed: to us the same.
                _ => {
                    let index = integer::read(first, 4, &mut rest)?;
                    self.literal(index, false, &mut rest, fields)?;
                }
            }
            may_resize = false;
        }
        Some(())
    }

    fn indexed(&self, index: usize, fields: &mut Fields) -> Option<()> {
        if let Some(age) = index.checked_sub(DYNAMIC) {
            let (name, value, kind) = self.table.get(age)?;
            fields.put(name, value, kind);
        } else if !fields.put_static_pseudo(index) {
            let &(name, value) = STATIC.get(index.checked_sub(1)?)?;
            fields.put(name, value, classify(name, value));
        }
        Some(())
    }

    fn literal(&mut self, index: usize, keep: bool, rest: &mut &[u8], fields: &mut Fields) -> Option<()> {
        let source = match index.checked_sub(DYNAMIC) {
            Some(age) => Name::Dynamic(age),
            None if index == 0 => Name::New,
            None => Name::Static(STATIC.get(index - 1)?.0),
        };
        let buf = fields.buf();
        let start = buf.len();
        match source {
            Name::Static(b":authority") => buf.extend_from_slice(b"host"),
            Name::Static(name) => buf.extend_from_slice(name),
            Name::Dynamic(age) => buf.extend_from_slice(self.table.get(age)?.0),
            Name::New => string(rest, buf)?,
        }
        let name_end = buf.len();
        buf.extend_from_slice(b": ");
        let value_start = buf.len();
        string(rest, buf)?;
        let value = buf.get(value_start..)?;
        let name = match source {
            Name::Static(name) => name,
            _ => buf.get(start..name_end)?,
        };
        let kind = classify(name, value);
        if keep {
            match source {
                Name::Dynamic(age) => self.table.insert_named_as(age, value, kind),
                _ => self.table.insert(name, value, kind),
            }
        }
        let name_len = name.len();
        fields.add_written(kind, start, name_end, value_start, name_len);
        Some(())
    }
}

/// Appends the string at the start of `rest` to `out`.
fn string(rest: &mut &[u8], out: &mut BytesMut) -> Option<()> {
    let (&first, tail) = rest.split_first()?;
    *rest = tail;
    let len = integer::read(first, 7, rest)?;
    let (text, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    if first & 0x80 == 0 {
        out.extend_from_slice(text);
        return Some(());
    }
    huffman::decode(text, out)
}
