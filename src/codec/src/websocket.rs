//! WebSocket frames: bytes into messages, messages into frames.
//!
//! For: framing, masks, fragments, the limits of control frames. Not for: the handshake (HTTP), extensions (none is ever agreed on),
//! UTF-8 of text (who reads the text checks it), answering pings. Either side's frames are taken, masked or not: a decoder in the middle
//! of a proxy does not know whose they are. Source: RFC 6455 section 5.
//!
//! A message in one frame is given out as it comes. One in fragments is collected, because control frames may stand between its
//! fragments and must not wait for its end. Bound: `Decoder::new`.
use crate::Chunks;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Opcode of a text message.
pub const TEXT: u8 = 1;
/// Opcode of a binary message.
pub const BINARY: u8 = 2;
/// Opcode of a close frame.
pub const CLOSE: u8 = 8;
/// Most bytes of a control frame's body.
pub const MAX_CONTROL_BYTES: usize = 125;
/// Most bytes of a frame's header.
const MAX_HEADER_BYTES: usize = 14;

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// Whether the frame (of fragments: the first one) was masked.
    pub masked: bool,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A message begins.
    Start(Head),
    /// Bytes of it, unmasked.
    Body(Bytes),
    /// It is complete.
    End,
}

/// Why bytes are no WebSocket frames. Each is an error of the protocol; nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Section 5.2: no extension gives these bits a meaning.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// Section 5.2: 3 to 7 and 11 to 15.
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    /// Section 5.2: the shortest form, and below 2^63.
    #[error("the length is not in its shortest form, or beyond 2^63")]
    Length,
    /// Section 5.5.
    #[error("a control frame is in fragments, or longer than 125 bytes")]
    Control,
    /// Section 5.5.1: empty, or two bytes of a status and a reason.
    #[error("a close frame of one byte")]
    CloseBody,
    /// Section 5.4.
    #[error("a continuation of nothing")]
    NothingToContinue,
    /// Section 5.4.
    #[error("a message begins inside of another one")]
    Interrupted,
    /// Beyond the decoder's bound.
    #[error("a message in fragments is longer than {0} bytes")]
    TooLong(usize),
    /// The input ends inside of a message.
    #[error("the stream ends inside of a message")]
    Truncated,
}

/// A frame whose header was read.
#[derive(Debug)]
struct Open {
    left: u64,
    key: Option<[u8; 4]>,
    /// Bytes unmasked so far; only the lower two bits matter.
    offset: usize,
    fin: bool,
    /// Given out as it comes; None: collected.
    head: Option<Head>,
    started: bool,
}

/// Bytes into messages.
#[derive(Debug)]
pub struct Decoder {
    max_message_bytes: usize,
    header: [u8; MAX_HEADER_BYTES],
    have: usize,
    open: Option<Open>,
    /// A message in fragments.
    message: Option<(Head, BytesMut)>,
    /// A collected message that is given out: its body next, then its end.
    given: Option<Option<Bytes>>,
    failed: Option<Error>,
}

impl Decoder {
    /// `max_message_bytes`: how much of a message in fragments is collected.
    pub const fn new(max_message_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            header: [0; MAX_HEADER_BYTES],
            have: 0,
            open: None,
            message: None,
            given: None,
            failed: None,
        }
    }

    /// The next part; None when more input is needed.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Part>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.next(input);
        self.failed = result.as_ref().err().copied();
        result
    }

    /// Says that no more input comes.
    /// # Errors
    /// `Truncated` inside of a frame or between the fragments of a message.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.have > 0 || self.open.is_some() || self.message.is_some() => Err(Error::Truncated),
            None => Ok(()),
        }
    }

    fn next(&mut self, input: &mut Chunks) -> Result<Option<Part>, Error> {
        loop {
            if let Some(body) = self.given.take() {
                return Ok(Some(match body {
                    Some(body) if !body.is_empty() => {
                        self.given = Some(None);
                        Part::Body(body)
                    }
                    _ => Part::End,
                }));
            }
            let Some(open) = &mut self.open else {
                if !self.read_header(input)? {
                    return Ok(None);
                }
                continue;
            };
            if let Some(head) = open.head.filter(|_| !open.started) {
                open.started = true;
                return Ok(Some(Part::Start(head)));
            }
            if open.left > 0 {
                let max = usize::try_from(open.left).unwrap_or(usize::MAX);
                let Some(bytes) = input.take_front(max) else {
                    return Ok(None);
                };
                open.left -= bytes.len() as u64;
                if open.head.is_some() {
                    return Ok(Some(Part::Body(open.unmask(bytes))));
                }
                self.collect(&bytes)?;
                continue;
            }
            let (fin, alone) = (open.fin, open.head.is_some());
            self.open = None;
            if alone {
                return Ok(Some(Part::End));
            }
            if fin && let Some((head, body)) = self.message.take() {
                self.given = Some(Some(body.freeze()));
                return Ok(Some(Part::Start(head)));
            }
        }
    }

    fn collect(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (Some((_, body)), Some(open)) = (&mut self.message, &mut self.open) else {
            return Err(Error::NothingToContinue);
        };
        if body.len() + bytes.len() > self.max_message_bytes {
            return Err(Error::TooLong(self.max_message_bytes));
        }
        let from = body.len();
        body.extend_from_slice(bytes);
        if let Some(key) = open.key {
            mask(key, open.offset, &mut body[from..]);
        }
        open.offset = (open.offset + bytes.len()) & 3;
        Ok(())
    }

    /// Reads a header as far as it has come; true when it is whole.
    fn read_header(&mut self, input: &mut Chunks) -> Result<bool, Error> {
        loop {
            let needs = self.header_len();
            if self.have < needs {
                let Some(bytes) = input.take_front(needs - self.have) else {
                    return Ok(false);
                };
                self.header[self.have..self.have + bytes.len()].copy_from_slice(&bytes);
                self.have += bytes.len();
                // A bad first byte is told at once, not when the rest has come.
                self.check_first()?;
            } else {
                break;
            }
        }
        let open = self.parse_header()?;
        self.have = 0;
        self.open = Some(open);
        Ok(true)
    }

    /// Length of the header, as far as it is known: it grows with what was read.
    fn header_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.header[1] & 0x80 != 0 { 4 } else { 0 }
    }

    fn check_first(&self) -> Result<(), Error> {
        let first = self.header[0];
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Error::ReservedBit);
        }
        match opcode {
            0 if self.message.is_none() => Err(Error::NothingToContinue),
            1 | 2 if self.message.is_some() => Err(Error::Interrupted),
            3..8 | 11.. => Err(Error::ReservedOpcode(opcode)),
            8..11 if !fin => Err(Error::Control),
            _ => Ok(()),
        }
    }

    fn parse_header(&mut self) -> Result<Open, Error> {
        let (fin, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        let masked = self.header[1] & 0x80 != 0;
        let mut rest = &self.header[2..self.have];
        let short = u64::from(self.header[1] & 0x7f);
        let left = match short {
            126 => u64::from(rest.try_get_u16().unwrap_or_default()),
            127 => rest.try_get_u64().unwrap_or_default(),
            _ => short,
        };
        if (short == 126 && left < 126) || (short == 127 && (left <= u64::from(u16::MAX) || left >> 63 != 0)) {
            return Err(Error::Length);
        }
        if opcode >= CLOSE && left > MAX_CONTROL_BYTES as u64 {
            return Err(Error::Control);
        }
        if opcode == CLOSE && left == 1 {
            return Err(Error::CloseBody);
        }
        let head = Head { opcode, masked };
        let alone = fin && opcode != 0;
        if !alone {
            let (_, body) = self.message.get_or_insert_with(|| (head, BytesMut::new()));
            if left > (self.max_message_bytes - body.len().min(self.max_message_bytes)) as u64 {
                return Err(Error::TooLong(self.max_message_bytes));
            }
        }
        Ok(Open {
            left,
            key: masked.then(|| rest.try_into().unwrap_or_default()),
            offset: 0,
            fin,
            head: alone.then_some(head),
            started: false,
        })
    }
}

impl Open {
    fn unmask(&mut self, bytes: Bytes) -> Bytes {
        let Some(key) = self.key else { return bytes };
        // Nearly always others share the block that was read into, so this copies.
        let mut own = BytesMut::from(bytes);
        mask(key, self.offset, &mut own);
        self.offset = (self.offset + own.len()) & 3;
        own.freeze()
    }
}

/// Masks or unmasks (section 5.3) bytes that stand at `offset` of a frame's body.
pub fn mask(key: [u8; 4], offset: usize, bytes: &mut [u8]) {
    let mut key = key;
    key.rotate_left(offset & 3);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let mut plain = [0; 8];
        plain.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(plain) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Writes the header of a frame whose body of `len` bytes follows, masked with `key` when there is one. `opcode`: 0 for the fragments
/// after the first; `fin`: the last fragment.
pub fn encode_header(opcode: u8, fin: bool, key: Option<[u8; 4]>, len: usize, out: &mut BytesMut) {
    out.put_u8(u8::from(fin) << 7 | opcode & 0x0f);
    let masked = if key.is_some() { 0x80 } else { 0 };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..126), _) => out.put_u8(masked | short),
        (_, Ok(len)) => {
            out.put_u8(masked | 126);
            out.put_u16(len);
        }
        _ => {
            out.put_u8(masked | 127);
            out.put_u64(len as u64);
        }
    }
    if let Some(key) = key {
        out.put_slice(&key);
    }
}
