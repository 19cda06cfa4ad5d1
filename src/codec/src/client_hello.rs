//! What a TLS client says first: the names in its ClientHello, read without consuming or answering anything.
//!
//! For: `handleTLSClientHello`, which looks at bytes that others decrypt. Not for: handshakes (rustls), encrypted hellos.
//! Source: RFC 8446 sections 4.1.2, 5.1; RFC 6066 section 3 (SNI); RFC 7301 section 3.1 (ALPN).

/// Longest ClientHello that is read, bytes; the usual ones have 200 to 2000.
pub const MAX_HELLO_BYTES: usize = 64 << 10;
/// Longest record (RFC 8446 section 5.1).
const MAX_RECORD_BYTES: usize = 1 << 14;
/// Record header; also that of a handshake message is no longer.
const RECORD_HEADER_BYTES: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What the client asks for. A list is absent when its extension is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Host names of the server.
    pub server_names: Option<Vec<String>>,
    /// Application protocols, in the client's order.
    pub protocol_names: Option<Vec<String>>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The hello is complete.
    Hello(ClientHello),
    /// These bytes are no ClientHello.
    Other,
}

/// Looks at the beginning of a connection.
#[derive(Debug, Default)]
pub struct Reader {
    /// Record header at hand.
    header: Vec<u8>,
    /// Bytes of the record's body that are still to come.
    left: usize,
    /// Handshake bytes of all records so far. Bound: [`MAX_HELLO_BYTES`] and one record.
    message: Vec<u8>,
    over: bool,
}

impl Reader {
    /// For a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes. After anything but `More` it answers `More` for ever.
    pub fn push(&mut self, mut bytes: &[u8]) -> Progress {
        while !self.over && !bytes.is_empty() {
            if self.left > 0 {
                let (body, rest) = bytes.split_at(bytes.len().min(self.left));
                self.left -= body.len();
                self.message.extend_from_slice(body);
                bytes = rest;
            } else {
                let wanted = RECORD_HEADER_BYTES - self.header.len();
                let (header, rest) = bytes.split_at(bytes.len().min(wanted));
                self.header.extend_from_slice(header);
                bytes = rest;
                if !self.begin_record() {
                    return self.end(Progress::Other);
                }
            }
            match self.hello() {
                Progress::More => {}
                progress => return self.end(progress),
            }
        }
        Progress::More
    }

    fn end(&mut self, progress: Progress) -> Progress {
        *self = Reader {
            over: true,
            ..Reader::default()
        };
        progress
    }

    /// Looks at the record header as far as it is there; false when it is none of a handshake.
    fn begin_record(&mut self) -> bool {
        match self.header.as_slice() {
            [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4] | [HANDSHAKE, 3, 0..=4, _] => true,
            [HANDSHAKE, 3, 0..=4, high, low] => {
                self.left = usize::from(u16::from_be_bytes([*high, *low]));
                self.header.clear();
                (1..=MAX_RECORD_BYTES).contains(&self.left)
            }
            _ => false,
        }
    }

    fn hello(&self) -> Progress {
        let (len, body) = match self.message.as_slice() {
            [] => return Progress::More,
            [kind, ..] if *kind != CLIENT_HELLO => return Progress::Other,
            [_, a, b, c, body @ ..] => (usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c), body),
            _ => return Progress::More,
        };
        if len > MAX_HELLO_BYTES {
            return Progress::Other;
        }
        match body.get(..len) {
            None => Progress::More,
            Some(body) => parse(body).map_or(Progress::Other, Progress::Hello),
        }
    }
}

/// The body of a ClientHello.
fn parse(body: &[u8]) -> Option<ClientHello> {
    let mut cursor = Cursor(body);
    // Version and random.
    cursor.take(2 + 32)?;
    // Session id, cipher suites, compression methods.
    cursor.list8()?;
    cursor.list16()?;
    cursor.list8()?;
    let mut hello = ClientHello::default();
    if cursor.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Cursor(cursor.list16()?);
    while !extensions.0.is_empty() {
        let (kind, contents) = (extensions.number16()?, extensions.list16()?);
        match kind {
            SERVER_NAME => hello.server_names = Some(server_names(contents)?),
            ALPN => hello.protocol_names = Some(protocol_names(contents)?),
            _ => {}
        }
    }
    cursor.0.is_empty().then_some(hello)
}

fn server_names(contents: &[u8]) -> Option<Vec<String>> {
    let (mut names, mut cursor) = (Vec::new(), Cursor(contents));
    let mut list = Cursor(cursor.list16()?);
    while !list.0.is_empty() {
        let (kind, name) = (list.take(1)?, list.list16()?);
        if kind == [0] {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Some(names)
}

fn protocol_names(contents: &[u8]) -> Option<Vec<String>> {
    let (mut names, mut cursor) = (Vec::new(), Cursor(contents));
    let mut list = Cursor(cursor.list16()?);
    while !list.0.is_empty() {
        names.push(String::from_utf8_lossy(list.list8()?).into_owned());
    }
    Some(names)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Bytes behind their count of one byte.
    fn list8(&mut self) -> Option<&'a [u8]> {
        let count = usize::from(*self.take(1)?.first()?);
        self.take(count)
    }

    /// Bytes behind their count of two bytes.
    fn list16(&mut self) -> Option<&'a [u8]> {
        let count = usize::from(self.number16()?);
        self.take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::split_everywhere;

    fn counted16(bytes: &[u8]) -> Vec<u8> {
        let len = u16::try_from(bytes.len()).expect("short").to_be_bytes();
        [&len[..], bytes].concat()
    }

    fn extension(kind: u16, contents: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &counted16(contents)].concat()
    }

    fn sni(name: &[u8]) -> Vec<u8> {
        extension(SERVER_NAME, &counted16(&[&[0][..], &counted16(name)].concat()))
    }

    fn alpn(names: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = names
            .iter()
            .flat_map(|name| [&[name.len() as u8][..], name.as_bytes()].concat())
            .collect();
        extension(ALPN, &counted16(&list))
    }

    /// A handshake message of this type with these extensions, as RFC 8446 section 4.1.2 lays it out.
    fn message(kind: u8, extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[2, 0xaa, 0xbb]);
        body.extend_from_slice(&counted16(&[0x13, 1, 0x13, 2]));
        body.extend_from_slice(&[1, 0]);
        body.extend(extensions.into_iter().flat_map(counted16));
        let len = u32::try_from(body.len()).expect("short").to_be_bytes();
        [&[kind], &len[1..], &body].concat()
    }

    /// In records of at most `size` bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1][..], &counted16(part)].concat();
        message.chunks(size).flat_map(record).collect()
    }

    fn run(sample: &[u8]) -> Progress {
        split_everywhere(sample, |pieces| {
            let mut reader = Reader::new();
            let all = pieces.iter().map(|piece| reader.push(piece));
            all.reduce(|first, next| if first == Progress::More { next } else { first })
                .unwrap_or(Progress::More)
        })
    }

    fn names(all: &[&str]) -> Option<Vec<String>> {
        Some(all.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn hellos() {
        let both = [extension(23, b""), sni(b"example.com"), alpn(&["h2", "http/1.1"])].concat();
        for (extensions, server_names, protocol_names) in [
            (Some(both), names(&["example.com"]), names(&["h2", "http/1.1"])),
            (Some(sni(b"a.b")), names(&["a.b"]), None),
            (Some(alpn(&["acme-tls/1"])), None, names(&["acme-tls/1"])),
            (Some(extension(SERVER_NAME, b"\0\0")), names(&[]), None),
            (Some(Vec::new()), None, None),
            (None, None, None),
        ] {
            let message = message(CLIENT_HELLO, extensions.as_deref());
            let expected = ClientHello {
                server_names,
                protocol_names,
            };
            for size in [1, 3, 50, 1 << 14] {
                let sample = records(&message, size);
                assert_eq!(run(&sample), Progress::Hello(expected.clone()), "records of {size}");
                let followed = [&sample[..], b"\x14\x03\x03"].concat();
                assert_eq!(run(&followed), Progress::Hello(expected.clone()), "and what follows");
            }
            let sample = records(&message, 1 << 14);
            for end in 0..sample.len() {
                assert_eq!(run(&sample[..end]), Progress::More, "cut short after {end}");
            }
        }
    }

    #[test]
    fn what_is_no_hello() {
        let with = |extensions: &[u8]| records(&message(CLIENT_HELLO, Some(extensions)), 1 << 14);
        for (name, sample) in [
            ("text", b"GET / HTTP/1.1\r\n".to_vec()),
            ("an alert", b"\x15\x03\x03\0\x02\x02\x28".to_vec()),
            ("a version of the future", b"\x16\x04\x00".to_vec()),
            ("an empty record", b"\x16\x03\x01\0\0".to_vec()),
            ("a record too long", b"\x16\x03\x01\x40\x01".to_vec()),
            ("a ServerHello", records(&message(2, None), 1 << 14)),
            ("too long", b"\x16\x03\x01\0\x04\x01\x01\0\x01".to_vec()),
            ("shorter than its parts", b"\x16\x03\x01\0\x05\x01\0\0\x01\x03".to_vec()),
            ("an extension cut short", with(b"\0\0\0\x09ab")),
            ("a name cut short", with(&extension(SERVER_NAME, b"\0\x05\0\0\x09ab"))),
            ("a protocol cut short", with(&extension(ALPN, b"\0\x03\x09ab"))),
        ] {
            assert_eq!(run(&sample), Progress::Other, "{name}");
        }
    }

    /// The largest hello is collected, whatever comes behind is not.
    #[test]
    fn memory_is_bounded() {
        let mut reader = Reader::new();
        let len = u32::try_from(MAX_HELLO_BYTES).expect("fits").to_be_bytes();
        let begun = [&[CLIENT_HELLO], &len[1..]].concat();
        let mut sent = 0;
        let mut progress = reader.push(&records(&begun, 4));
        while progress == Progress::More {
            progress = reader.push(&records(&[0; 1000], 1000));
            sent += 1000;
            assert!(sent <= MAX_HELLO_BYTES + 1000 && reader.message.capacity() <= 4 * MAX_HELLO_BYTES);
        }
        assert_eq!(reader.message.capacity(), 0);
        assert_eq!(reader.push(&records(&begun, 4)), Progress::More, "it is over");
    }
}
