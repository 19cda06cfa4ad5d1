//! Header blocks into lists of headers.
//!
//! For: writing names and values straight to where they stay (`Fields`), and keeping the table in step whatever becomes of the list.
//! Source: RFC 7541 3, 4.2, 6.
use super::table::{DYNAMIC, ENTRY_BYTES, Line, STATIC, Table};
use super::{huffman, integer};
use crate::http2::config::HEADER_TABLE_BYTES;
use crate::http2::field::{Fields, Kind, classify};
use bytes::BytesMut;

/// One direction's state.
#[derive(Debug)]
pub(in crate::http2) struct Decoder {
    table: Table,
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

    /// A number that is another one after each change of the table.
    pub(in crate::http2) fn changes(&self) -> u32 {
        self.table.changes()
    }

    fn indexed(&self, index: usize, fields: &mut Fields) -> Option<()> {
        if let Some(age) = index.checked_sub(DYNAMIC) {
            fields.put(self.table.get(age)?);
        } else if !fields.put_static_pseudo(index) {
            let &(name, value) = STATIC.get(index.checked_sub(1)?)?;
            let buf = fields.buf();
            let start = buf.len();
            for part in [name, b": ", value, b"\r\n"] {
                buf.extend_from_slice(part);
            }
            fields.add_written(
                start,
                name.len(),
                name.len() + value.len() + ENTRY_BYTES,
                classify(name, value),
            );
        }
        Some(())
    }

    fn literal(&mut self, index: usize, keep: bool, rest: &mut &[u8], fields: &mut Fields) -> Option<()> {
        let buf = fields.buf();
        let start = buf.len();
        match index.checked_sub(DYNAMIC) {
            Some(age) => {
                let line = self.table.get(age)?;
                buf.extend_from_slice(if line.kind == Kind::Authority {
                    AUTHORITY
                } else {
                    line.name()
                });
            }
            None if index == 0 => string(rest, buf)?,
            None => buf.extend_from_slice(STATIC.get(index - 1)?.0),
        }
        let is_authority = buf.get(start..)? == AUTHORITY;
        let sent_name_len = buf.len() - start;
        if is_authority {
            buf.truncate(start);
            buf.extend_from_slice(b"host");
        }
        let name_end = buf.len();
        buf.extend_from_slice(b": ");
        let value_start = buf.len();
        string(rest, buf)?;
        let value = buf.get(value_start..)?;
        let kind = match is_authority {
            true => classify(AUTHORITY, value),
            false => classify(buf.get(start..name_end)?, value),
        };
        let size = sent_name_len + value.len() + ENTRY_BYTES;
        buf.extend_from_slice(b"\r\n");
        if is_authority && kind != Kind::Authority {
            // It stays what it is for whoever names a header by it; the head is malformed anyway.
            let value = buf.split_off(name_end);
            buf.truncate(start);
            buf.extend_from_slice(AUTHORITY);
            buf.unsplit(value);
        }
        let name_len = match kind {
            Kind::Authority => b"host".len(),
            _ => sent_name_len,
        };
        if keep {
            self.table.insert(Line {
                bytes: buf.get(start..)?,
                name_len,
                size,
                kind,
            });
        }
        fields.add_written(start, name_len, size, kind);
        Some(())
    }
}

const AUTHORITY: &[u8] = b":authority";

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
