//! Frames of Dubbo: heads and payloads out of bytes and back.
//!
//! For: the 16 bytes before each payload, and where the payload ends. Not for: what is in the payload (often Hessian 2, see hessian.rs).
//! Source: dubbo.apache.org, "Dubbo2 protocol", section "Protocol Format".
use crate::Chunks;
use bytes::{BufMut, Bytes, BytesMut};

/// The first two bytes of each frame.
pub const MAGIC: u16 = 0xdabb;
/// Bytes before the payload.
pub const HEAD_BYTES: usize = 16;
/// Serialization of Hessian 2.
pub const HESSIAN2: u8 = 2;
/// Status of a response without an error.
pub const OK: u8 = 20;

const REQUEST: u8 = 0x80;
const TWO_WAY: u8 = 0x40;
const EVENT: u8 = 0x20;
const SERIALIZATION: u8 = 0x1f;

/// What stands before a payload, beside its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Ties a response to its request.
    pub request_id: u64,
    /// A request, not a response.
    pub is_request: bool,
    /// A response is waited for.
    pub is_two_way: bool,
    /// No call: a heartbeat.
    pub is_event: bool,
    /// How the payload is written, 5 bits; see [`HESSIAN2`].
    pub serialization: u8,
    /// Of a response; see [`OK`].
    pub status: u8,
}

/// What a decoder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A frame begins.
    Start(Head),
    /// Bytes of its payload.
    Body(Bytes),
    /// It is complete.
    End,
}

/// Why bytes are no Dubbo. Nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A frame does not begin with [`MAGIC`].
    #[error("a frame begins with {0:#04x}, not with dabb")]
    Magic(u8),
    /// The input ends inside of a frame.
    #[error("the stream ends inside of a frame")]
    Truncated,
}

/// Bytes into frames. Holds at most a head: payloads pass as they come.
#[derive(Debug, Default)]
pub struct Decoder {
    head: Vec<u8>,
    /// What is left of the payload; None between frames.
    left: Option<usize>,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next part; None when more input is needed.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Part>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if let Some(left) = &mut self.left {
            if *left == 0 {
                self.left = None;
                return Ok(Some(Part::End));
            }
            let chunk = input.take_front(*left);
            *left -= chunk.as_ref().map_or(0, Bytes::len);
            return Ok(chunk.map(Part::Body));
        }
        while let Some(chunk) = input.take_front(HEAD_BYTES - self.head.len()) {
            self.head.extend_from_slice(&chunk);
            if let Some((byte, _)) = self.head.iter().zip(MAGIC.to_be_bytes()).find(|(a, b)| **a != *b) {
                let error = Error::Magic(*byte);
                self.failed = Some(error);
                return Err(error);
            }
            if let Some((head, length)) = parse(&self.head) {
                self.head.clear();
                self.left = Some(length);
                return Ok(Some(Part::Start(head)));
            }
        }
        Ok(None)
    }

    /// The input has ended.
    /// # Errors
    /// `Truncated` inside of a frame; an earlier error again.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.head.is_empty() && self.left.is_none_or(|left| left == 0) => Ok(()),
            None => Err(Error::Truncated),
        }
    }
}

/// None when it is not whole.
fn parse(bytes: &[u8]) -> Option<(Head, usize)> {
    let &[_, _, flags, status, a, b, c, d, e, f, g, h, i, j, k, l] = bytes else {
        return None;
    };
    let head = Head {
        request_id: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        is_request: flags & REQUEST != 0,
        is_two_way: flags & TWO_WAY != 0,
        is_event: flags & EVENT != 0,
        serialization: flags & SERIALIZATION,
        status,
    };
    Some((head, u32::from_be_bytes([i, j, k, l]) as usize))
}

/// Appends a head; `length` bytes of payload are to follow.
pub fn encode_head(head: &Head, length: u32, out: &mut BytesMut) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.put_u16(MAGIC);
    out.put_u8(
        flag(head.is_request, REQUEST)
            | flag(head.is_two_way, TWO_WAY)
            | flag(head.is_event, EVENT)
            | (head.serialization & SERIALIZATION),
    );
    out.put_u8(head.status);
    out.put_u64(head.request_id);
    out.put_u32(length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{feed, split_everywhere};

    /// Frames with their payloads, and how it ended.
    fn decode(bytes: &[u8]) -> (Vec<(Head, Vec<u8>)>, Option<Error>) {
        split_everywhere(bytes, |pieces| {
            let mut decoder = Decoder::new();
            let (mut open, mut frames, mut failed) = (None, Vec::new(), None);
            feed(pieces, |input| {
                while failed.is_none() {
                    match decoder.decode(input) {
                        Ok(Some(Part::Start(head))) => open = Some((head, Vec::new())),
                        Ok(Some(Part::Body(bytes))) => {
                            open.as_mut().expect("a start comes first").1.extend_from_slice(&bytes);
                        }
                        Ok(Some(Part::End)) => frames.extend(open.take()),
                        Ok(None) => break,
                        Err(error) => failed = Some(error),
                    }
                }
            });
            (frames, failed.or(decoder.finish().err()))
        })
    }

    /// A heartbeat (request, two way, event, Hessian 2, the payload is null) and its answer, bit by bit as the page has it.
    const HEARTBEAT: &[u8] = b"\xda\xbb\xe2\x00\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x01N";
    const ANSWER: &[u8] = b"\xda\xbb\x22\x14\x80\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00";

    #[test]
    fn frames() {
        let heartbeat = Head {
            request_id: 7,
            is_request: true,
            is_two_way: true,
            is_event: true,
            serialization: HESSIAN2,
            status: 0,
        };
        let answer = Head {
            request_id: (1 << 63) + 7,
            is_event: true,
            serialization: HESSIAN2,
            status: OK,
            ..Head::default()
        };
        let both = [HEARTBEAT, ANSWER].concat();
        assert_eq!(
            decode(&both),
            (vec![(heartbeat, b"N".to_vec()), (answer, vec![])], None)
        );
        let mut out = BytesMut::new();
        encode_head(&heartbeat, 1, &mut out);
        out.put_u8(b'N');
        encode_head(&answer, 0, &mut out);
        assert_eq!(out, both);
    }

    #[test]
    fn what_is_wrong() {
        let huge = b"\xda\xbb\xe2\x00\x00\x00\x00\x00\x00\x00\x00\x07\xff\xff\xff\xffN";
        for (bytes, error) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], Error::Magic(b'G')),
            (b"\xda\xba", Error::Magic(0xba)),
            (b"\xda", Error::Truncated),
            (&HEARTBEAT[..15], Error::Truncated),
            (&HEARTBEAT[..16], Error::Truncated),
            (huge, Error::Truncated),
        ] {
            assert_eq!(decode(bytes), (vec![], Some(error)), "{bytes:x?}");
        }
        let then = [HEARTBEAT, b"x"].concat();
        let (frames, error) = decode(&then);
        assert_eq!((frames.len(), error), (1, Some(Error::Magic(b'x'))));
    }
}
