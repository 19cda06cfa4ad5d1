//! Lists of headers into header blocks.
//!
//! A header that is seen a second time goes into the table, so heads that repeat cost a byte for each header, and values that are
//! different each time (`x-request-id`, lengths of files) do not wash the table out. Source: RFC 7541 2, 4.2, 6, 7.1.
use super::table::{DYNAMIC, ENTRY_BYTES, Line, Table, static_name};
use super::{huffman, integer};
use crate::http1::Headers;
use crate::http2::config::HEADER_TABLE_BYTES;
use crate::http2::field::Kind;
use bytes::BytesMut;

/// Places of the look-up by hash; the table has at most 128 entries of 32 bytes and more.
const SLOTS: usize = 256;
/// How many places a hash may be in.
const PROBES: usize = 4;
/// How many hashes of headers that were sent as they are stay known.
const SEEN: usize = 128;
/// A header above this part of the table would push out too much.
const LARGEST: usize = HEADER_TABLE_BYTES / 4;

/// How a header is sent that is not in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    No,
    /// Nobody on the way may keep it either: it is secret, and being in a table makes it guessable (RFC 7541 7.1.3).
    Never,
}

/// A place of the look-up: which entry, and its hash.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    number: u32,
}

/// One direction's state.
#[derive(Debug)]
pub(in crate::http2) struct Encoder {
    table: Table,
    /// Made with the first entry, for idle connections are many. A lost place costs a few bytes, nothing else.
    slots: Vec<Slot>,
    seen: Vec<u32>,
    /// Sizes to be announced at the start of the next block: the smallest one since the last block, and the one that holds.
    resize: Option<(usize, usize)>,
    /// A line, while it is inserted.
    scratch: Vec<u8>,
    /// In this list, nothing was sent that would be sent in another way the next time.
    is_settled: bool,
    memo: Memo,
}

/// A list of headers that was sent lately, and what it became: heads repeat, and comparing is cheaper than encoding.
#[derive(Debug, Default)]
struct Memo {
    /// State of the table that this holds for.
    changes: u32,
    form: u8,
    headers: Headers,
    bytes: Vec<u8>,
    /// Of the list that was encoded last. One that comes twice in a row is kept.
    fingerprint: u64,
}

/// Larger results are not kept.
const MEMO_BYTES: usize = 256;

impl Encoder {
    pub(in crate::http2) fn new() -> Self {
        Self {
            table: Table::new(HEADER_TABLE_BYTES),
            slots: Vec::new(),
            seen: Vec::new(),
            resize: None,
            scratch: Vec::new(),
            is_settled: true,
            memo: Memo::default(),
        }
    }

    /// Appends what `encode` makes of `headers`, or what it made of the same list the last time. `form`: in which of several ways it does.
    pub(in crate::http2) fn put_list(
        &mut self,
        headers: &Headers,
        form: u8,
        out: &mut BytesMut,
        encode: impl FnOnce(&mut Self, &mut BytesMut),
    ) {
        let is_known = self.memo.changes == self.table.changes() && self.memo.form == form;
        if is_known && self.memo.headers.is_same(headers) {
            out.extend_from_slice(&self.memo.bytes);
            return;
        }
        let start = out.len();
        self.is_settled = true;
        encode(self, out);
        let bytes = out.get(start..).unwrap_or_default();
        if self.is_settled && bytes.len() <= MEMO_BYTES {
            let fingerprint = headers.fingerprint();
            if std::mem::replace(&mut self.memo.fingerprint, fingerprint) == fingerprint {
                self.memo.changes = self.table.changes();
                self.memo.form = form;
                self.memo.headers = headers.detached();
                self.memo.bytes.clear();
                self.memo.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// The peer's decoder allows this much.
    pub(in crate::http2) fn allow(&mut self, max: usize) {
        let max = max.min(HEADER_TABLE_BYTES);
        if max != self.table.max() || self.resize.is_some() {
            let least = self.resize.map_or(max, |(least, _)| least.min(max));
            self.resize = Some((least, max));
            self.table.resize(max);
        }
    }

    /// Begins a block.
    pub(in crate::http2) fn start(&mut self, out: &mut BytesMut) {
        if let Some((least, last)) = self.resize.take() {
            if least < last {
                integer::put(out, 0x20, 5, least);
            }
            integer::put(out, 0x20, 5, last);
        }
    }

    /// Appends an entry of the static table.
    pub(in crate::http2) fn put_static(&mut self, index: usize, out: &mut BytesMut) {
        integer::put(out, 0x80, 7, index);
    }

    /// Appends a pseudo header whose name has that static index.
    pub(in crate::http2) fn put_pseudo(&mut self, index: usize, name: &[u8], value: &[u8], out: &mut BytesMut) {
        let hash = hash(name, value);
        match self.find(hash, name, value) {
            Some(age) => integer::put(out, 0x80, 7, DYNAMIC + age),
            None => self.put_new(hash, index, name, value, out),
        }
    }

    /// Appends a header; its name may be in any case.
    pub(in crate::http2) fn put(&mut self, name: &[u8], value: &[u8], out: &mut BytesMut) {
        let hash = hash(name, value);
        if let Some(age) = self.find(hash, name, value) {
            return integer::put(out, 0x80, 7, DYNAMIC + age);
        }
        if !name.iter().any(u8::is_ascii_uppercase) {
            return self.put_new(hash, static_name(name), name, value, out);
        }
        let mut short = [0; 64];
        match short.get_mut(..name.len()) {
            Some(lower) => {
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                self.put_new(hash, static_name(lower), lower, value, out);
            }
            None => self.put_new(hash, 0, &name.to_ascii_lowercase(), value, out),
        }
    }

    /// Appends a header that is not in the dynamic table; it is put there if it has been sent before.
    fn put_new(&mut self, hash: u32, name_index: usize, name: &[u8], value: &[u8], out: &mut BytesMut) {
        let keep = if is_secret(name, value) {
            Keep::Never
        } else if name.len() + value.len() > LARGEST {
            Keep::No
        } else {
            self.is_settled = false;
            if self.has_seen(hash) { Keep::Yes } else { Keep::No }
        };
        self.literal(name_index, name, value, keep, out);
    }

    /// Appends a header in letters.
    pub(super) fn literal(&mut self, name_index: usize, name: &[u8], value: &[u8], keep: Keep, out: &mut BytesMut) {
        let (pattern, bits) = match keep {
            Keep::Yes => (0x40, 6),
            Keep::No => (0x00, 4),
            Keep::Never => (0x10, 4),
        };
        integer::put(out, pattern, bits, name_index);
        if name_index == 0 {
            string(name, out);
        }
        string(value, out);
        if keep == Keep::Yes {
            self.insert(name, value);
        }
    }

    /// Whether that header was sent before, lately; it is from now on.
    fn has_seen(&mut self, hash: u32) -> bool {
        if self.seen.is_empty() {
            self.seen.resize(SEEN, 0);
        }
        match self.seen.get_mut(hash as usize % SEEN) {
            Some(seen) => std::mem::replace(seen, hash) == hash,
            None => false,
        }
    }

    /// Age of an entry.
    pub(super) fn find(&self, hash: u32, name: &[u8], value: &[u8]) -> Option<usize> {
        (0..PROBES).find_map(|probe| {
            let slot = self.slots.get((hash as usize + probe) % SLOTS)?;
            if slot.hash != hash {
                return None;
            }
            let age = self.table.age(slot.number)?;
            let line = self.table.get(age)?;
            (line.value() == value && line.name().eq_ignore_ascii_case(name)).then_some(age)
        })
    }

    fn insert(&mut self, name: &[u8], value: &[u8]) {
        let number = self.table.inserted();
        self.scratch.clear();
        for part in [name, b": ", value, b"\r\n"] {
            self.scratch.extend_from_slice(part);
        }
        self.table.insert(Line {
            bytes: &self.scratch,
            name_len: name.len(),
            size: name.len() + value.len() + ENTRY_BYTES,
            kind: Kind::Plain,
        });
        if self.table.inserted() == number {
            return;
        }
        if self.slots.is_empty() {
            // Numbers of entries that never were: they are looked up in vain.
            self.slots.resize(SLOTS, Slot::default());
        }
        let hash = hash(name, value);
        let places = (0..PROBES).map(|probe| (hash as usize + probe) % SLOTS);
        let age = |place: usize| {
            let slot = self.slots.get(place).filter(|slot| slot.hash != 0);
            slot.and_then(|slot| self.table.age(slot.number)).unwrap_or(usize::MAX)
        };
        if let Some(oldest) = places.max_by_key(|&place| age(place))
            && let Some(slot) = self.slots.get_mut(oldest)
        {
            *slot = Slot { hash, number };
        }
    }
}

/// Headers that are guessed if an attacker can see how long they are: those that authenticate, and short cookies.
fn is_secret(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"authorization" | b"proxy-authorization" => true,
        b"cookie" | b"set-cookie" => value.len() < 20,
        _ => false,
    }
}

/// Appends a string, in the shorter one of the two forms.
pub(super) fn string(text: &[u8], out: &mut BytesMut) {
    let packed = huffman::encoded_len(text);
    if packed <= text.len() {
        integer::put(out, 0x80, 7, packed);
        huffman::encode(text, out);
    } else {
        integer::put(out, 0, 7, text.len());
        out.extend_from_slice(text);
    }
}

/// The same for a name in any case; never 0. Not against attackers: who finds equal hashes gets longer blocks.
pub(super) fn hash(name: &[u8], value: &[u8]) -> u32 {
    /// Takes the case from letters, and from other bytes something that does not matter.
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let mut sum = (name.len() as u64) << 32 | value.len() as u64;
    add(&mut sum, name, LOWER);
    add(&mut sum, value, 0);
    (sum >> 32) as u32 | 1
}

/// Adds bytes to a hash.
fn add(sum: &mut u64, text: &[u8], mask: u64) {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut add = |word: [u8; 8]| *sum = (sum.rotate_left(5) ^ (u64::from_le_bytes(word) | mask)).wrapping_mul(FACTOR);
    let (words, rest) = text.as_chunks::<8>();
    words.iter().for_each(|&word| add(word));
    match (rest, text.last_chunk::<8>()) {
        ([], _) => {}
        // The last eight bytes overlap with others: that is quicker than collecting the rest.
        (_, Some(&last)) => add(last),
        (rest, None) => {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(place, &byte)| *place = byte);
            add(last);
        }
    }
}
