//! The two tables that indices point into.
//!
//! The dynamic one keeps its bytes in one vector, oldest first: an insertion allocates nothing once that has its size.
//! Source: RFC 7541 2.3, 4, appendix A.
use crate::http2::field::Kind;
use std::collections::VecDeque;

/// Names and values of the static table; the first one has index 1.
pub(super) const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// Index of the first entry of the dynamic table.
pub(super) const DYNAMIC: usize = STATIC.len() + 1;

/// Index of a header's name in the static table, 0 if it is not there. Pseudo headers are not looked for.
pub(super) fn static_name(name: &[u8]) -> usize {
    match name {
        b"accept-charset" => 15,
        b"accept-encoding" => 16,
        b"accept-language" => 17,
        b"accept-ranges" => 18,
        b"accept" => 19,
        b"access-control-allow-origin" => 20,
        b"age" => 21,
        b"allow" => 22,
        b"authorization" => 23,
        b"cache-control" => 24,
        b"content-disposition" => 25,
        b"content-encoding" => 26,
        b"content-language" => 27,
        b"content-length" => 28,
        b"content-location" => 29,
        b"content-range" => 30,
        b"content-type" => 31,
        b"cookie" => 32,
        b"date" => 33,
        b"etag" => 34,
        b"expect" => 35,
        b"expires" => 36,
        b"from" => 37,
        b"host" => 38,
        b"if-match" => 39,
        b"if-modified-since" => 40,
        b"if-none-match" => 41,
        b"if-range" => 42,
        b"if-unmodified-since" => 43,
        b"last-modified" => 44,
        b"link" => 45,
        b"location" => 46,
        b"max-forwards" => 47,
        b"proxy-authenticate" => 48,
        b"proxy-authorization" => 49,
        b"range" => 50,
        b"referer" => 51,
        b"refresh" => 52,
        b"retry-after" => 53,
        b"server" => 54,
        b"set-cookie" => 55,
        b"strict-transport-security" => 56,
        b"transfer-encoding" => 57,
        b"user-agent" => 58,
        b"vary" => 59,
        b"via" => 60,
        b"www-authenticate" => 61,
        _ => 0,
    }
}

/// What is counted for each entry beside its bytes (RFC 7541 4.1).
pub(super) const ENTRY_BYTES: usize = 32;

/// Where an entry's line is.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Counted from the first byte that was ever inserted.
    at: u64,
    len: u32,
    name_len: u32,
    /// As the peer counts it.
    size: u32,
    kind: Kind,
}

/// An entry, as the line `name: value CRLF`, which is how heads keep it too; `:authority` is a line `host` in the decoder's table.
#[derive(Debug, Clone, Copy)]
pub(in crate::http2) struct Line<'a> {
    pub(in crate::http2) bytes: &'a [u8],
    pub(in crate::http2) name_len: usize,
    /// Counted as RFC 7541 4.1 does.
    pub(in crate::http2) size: usize,
    pub(in crate::http2) kind: Kind,
}

impl<'a> Line<'a> {
    pub(in crate::http2) fn name(&self) -> &'a [u8] {
        self.bytes.get(..self.name_len).unwrap_or_default()
    }

    pub(in crate::http2) fn value(&self) -> &'a [u8] {
        let end = self.bytes.len().saturating_sub(2);
        self.bytes.get(self.name_len + 2..end).unwrap_or_default()
    }
}

/// The dynamic table.
#[derive(Debug)]
pub(super) struct Table {
    bytes: Vec<u8>,
    /// Place of the first of `bytes`, counted as in `Entry`.
    base: u64,
    /// Newest first.
    entries: VecDeque<Entry>,
    size: usize,
    max: usize,
    /// How many entries were ever inserted.
    inserted: u32,
    /// Grows with every change.
    changes: u32,
}

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            base: 0,
            entries: VecDeque::new(),
            size: 0,
            max,
            inserted: 0,
            changes: 0,
        }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// A number that is another one after each change.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// The entry that was inserted `age` insertions ago; 0 is the newest.
    pub(super) fn get(&self, age: usize) -> Option<Line<'_>> {
        let entry = self.entries.get(age)?;
        let start = (entry.at - self.base) as usize;
        Some(Line {
            bytes: self.bytes.get(start..start + entry.len as usize)?,
            name_len: entry.name_len as usize,
            size: entry.size as usize,
            kind: entry.kind,
        })
    }

    /// Number of the next entry.
    pub(super) fn inserted(&self) -> u32 {
        self.inserted
    }

    /// Age of the entry with that number, if it is still there.
    pub(super) fn age(&self, number: u32) -> Option<usize> {
        let age = self.inserted.wrapping_sub(number).wrapping_sub(1) as usize;
        (age < self.entries.len()).then_some(age)
    }

    /// Changes the bound; entries that do not fit any more are dropped.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = max;
        self.changes = self.changes.wrapping_add(1);
        self.evict(0);
    }

    /// Adds an entry, dropping old ones to make room. One that is larger than the table empties it (RFC 7541 4.4).
    pub(super) fn insert(&mut self, line: Line<'_>) {
        self.changes = self.changes.wrapping_add(1);
        self.evict(line.size);
        if line.size > self.max {
            return;
        }
        if self.bytes.len() + line.bytes.len() > 2 * self.max {
            self.compact();
        }
        self.entries.push_front(Entry {
            at: self.base + self.bytes.len() as u64,
            len: line.bytes.len() as u32,
            name_len: line.name_len as u32,
            size: line.size as u32,
            kind: line.kind,
        });
        self.bytes.extend_from_slice(line.bytes);
        self.size += line.size;
        self.inserted = self.inserted.wrapping_add(1);
    }

    fn evict(&mut self, room: usize) {
        while self.size + room > self.max {
            let Some(entry) = self.entries.pop_back() else { return };
            self.size -= entry.size as usize;
        }
    }

    /// Drops the bytes of entries that are gone: at most once in about `max` inserted bytes.
    fn compact(&mut self) {
        let start = self
            .entries
            .back()
            .map_or(self.bytes.len(), |entry| (entry.at - self.base) as usize);
        self.bytes.drain(..start);
        self.base += start as u64;
    }
}
