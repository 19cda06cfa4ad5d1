//! The server's side of SOCKS: the client's request, then our verdict.
//!
//! For: `acceptSOCKS`. Not for: deciding whom to let in.
//! Source: RFC 1928 sections 3, 4 and 6; the memos of SOCKS 4 and 4a.
use super::{Error, Host, MAX_TEXT_BYTES, Request, Version};
use crate::Chunks;
use std::net::{IpAddr, Ipv4Addr};

const CONNECT: u8 = 1;

/// Reads one request. After it the input is the client's own.
#[derive(Debug, Default)]
pub struct Server {
    stage: Stage,
    /// Bytes of the message at hand. Bound: two texts of SOCKS 4a and its fixed part.
    buf: Vec<u8>,
    version: u8,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has come, or a greeting of SOCKS 5 is incomplete.
    #[default]
    Greeting,
    Request4,
    Request5,
    /// The request has been given out, or there was an error.
    Over,
}

impl Server {
    /// For a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what it needs of `input`; `reply` gets what is to be sent now, also with an error. `None`: more input is needed.
    ///
    /// # Errors
    /// Anything but a request to connect; the connection is of no further use.
    pub fn decode(&mut self, input: &mut Chunks, reply: &mut Vec<u8>) -> Result<Option<Request>, Error> {
        let result = self.step(input, reply);
        if !matches!(result, Ok(None)) {
            self.stage = Stage::Over;
        }
        result
    }

    /// Appends the answer to the request: granted, or refused by the ruleset.
    pub fn answer(&self, granted: bool, reply: &mut Vec<u8>) {
        match (self.version, granted) {
            (4, true) => reply.extend_from_slice(&[0, 0x5a, 0, 0, 0, 0, 0, 0]),
            (4, false) => reply.extend_from_slice(&[0, 0x5b, 0, 0, 0, 0, 0, 0]),
            (_, true) => answer5(0, reply),
            (_, false) => answer5(2, reply),
        }
    }

    fn step(&mut self, input: &mut Chunks, reply: &mut Vec<u8>) -> Result<Option<Request>, Error> {
        // One byte at a time: nothing behind the request may be taken, and a request has few.
        while self.stage != Stage::Over {
            let Some(byte) = input.take_front(1).and_then(|bytes| bytes.first().copied()) else {
                return Ok(None);
            };
            self.buf.push(byte);
            let request = match self.stage {
                Stage::Greeting => self.greeting(reply)?,
                Stage::Request4 => self.request4(reply)?,
                Stage::Request5 => self.request5(reply)?,
                Stage::Over => None,
            };
            if request.is_some() {
                return Ok(request);
            }
        }
        Ok(None)
    }

    fn greeting(&mut self, reply: &mut Vec<u8>) -> Result<Option<Request>, Error> {
        match self.buf.as_slice() {
            [4] => {
                self.version = 4;
                self.stage = Stage::Request4;
            }
            [5] => self.version = 5,
            [5, count, methods @ ..] if methods.len() == usize::from(*count) => {
                if !methods.contains(&0) {
                    reply.extend_from_slice(&[5, 0xff]);
                    return Err(Error::Method);
                }
                reply.extend_from_slice(&[5, 0]);
                self.buf.clear();
                self.stage = Stage::Request5;
            }
            [5, ..] => {}
            other => return Err(Error::Version(other.first().copied().unwrap_or_default())),
        }
        Ok(None)
    }

    /// 4, command, port, address, user id, 0; with an address 0.0.0.x a name and 0 follow (4a).
    fn request4(&mut self, reply: &mut Vec<u8>) -> Result<Option<Request>, Error> {
        let [4, command, port @ .., a, b, c, d] = self.buf.get(..8).unwrap_or_default() else {
            return Ok(None);
        };
        if *command != CONNECT {
            let command = *command;
            self.answer(false, reply);
            return Err(Error::Command(command));
        }
        let port = match port {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        let ip = Ipv4Addr::new(*a, *b, *c, *d);
        let is_named = matches!(ip.octets(), [0, 0, 0, last] if last != 0);
        let rest = self.buf.get(8..).unwrap_or_default();
        let mut texts = rest.split(|byte| *byte == 0);
        let (user, name, end) = (texts.next().unwrap_or_default(), texts.next(), texts.next());
        if user.len() > MAX_TEXT_BYTES || name.is_some_and(|name| name.len() > MAX_TEXT_BYTES) {
            self.answer(false, reply);
            return Err(Error::Text);
        }
        let (version, host) = match (is_named, name, end) {
            (false, Some(_), _) => (Version::V4, Host::Ip(IpAddr::V4(ip))),
            (true, Some(name), Some(_)) => match domain(name) {
                Ok(host) => (Version::V4a, host),
                Err(error) => {
                    self.answer(false, reply);
                    return Err(error);
                }
            },
            _ => return Ok(None),
        };
        Ok(Some(Request {
            version,
            user: String::from_utf8_lossy(user).into_owned(),
            host,
            port,
        }))
    }

    /// 5, command, 0, address type, address, port.
    fn request5(&mut self, reply: &mut Vec<u8>) -> Result<Option<Request>, Error> {
        let mut refuse = |code: u8, error: Error| {
            answer5(code, reply);
            Err(error)
        };
        match self.buf.as_slice() {
            [version, ..] if *version != 5 => return Err(Error::Version(*version)),
            [_, command, ..] if *command != CONNECT => return refuse(7, Error::Command(*command)),
            _ => {}
        }
        let (host, port) = match self.buf.as_slice() {
            [_, _, _, 1, a, b, c, d, port @ ..] if port.len() == 2 => {
                (Host::Ip(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d))), port)
            }
            [_, _, _, 3, len, rest @ ..] if rest.len() == usize::from(*len) + 2 => {
                let (name, port) = rest.split_at(usize::from(*len));
                match domain(name) {
                    Ok(host) => (host, port),
                    Err(error) => return refuse(1, error),
                }
            }
            [_, _, _, 1 | 3, ..] | [] | [_] | [_, _] | [_, _, _] => return Ok(None),
            // DEVIATES: RFC 1928 has IPv6; pipyjs/filters.md section 6 refuses it.
            [_, _, _, kind, ..] => return refuse(8, Error::AddressType(*kind)),
        };
        let port = match port {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        Ok(Some(Request {
            version: Version::V5,
            user: String::new(),
            host,
            port,
        }))
    }
}

fn answer5(code: u8, reply: &mut Vec<u8>) {
    reply.extend_from_slice(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}

fn domain(name: &[u8]) -> Result<Host, Error> {
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() && !name.contains(|c: char| c.is_control()) => Ok(Host::Domain(name.to_owned())),
        _ => Err(Error::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{feed, split_everywhere};

    /// Request or error, what is sent, what is left of the input.
    fn run(sample: &[u8], granted: bool) -> (Result<Option<Request>, Error>, Vec<u8>, Vec<u8>) {
        split_everywhere(sample, |pieces| {
            let (mut server, mut sent, mut result) = (Server::new(), Vec::new(), Ok(None));
            let mut rest = Vec::new();
            feed(pieces, |input| {
                if matches!(result, Ok(None)) {
                    result = server.decode(input, &mut sent);
                    if matches!(result, Ok(Some(_))) {
                        server.answer(granted, &mut sent);
                    }
                }
                while let Some(chunk) = input.pop_front() {
                    rest.extend_from_slice(&chunk);
                }
            });
            (result, sent, rest)
        })
    }

    #[track_caller]
    fn check(sample: &[u8], granted: bool, expected: (Version, &str, Host, u16), sent: &[u8], rest: &[u8]) {
        let (result, replied, left) = run(sample, granted);
        let (version, user, host, port) = expected;
        let user = user.to_owned();
        assert_eq!(
            result,
            Ok(Some(Request {
                version,
                user,
                host,
                port
            }))
        );
        assert_eq!(replied, sent);
        assert_eq!(left, rest);
        let whole = sample.len() - rest.len();
        for end in 0..whole {
            assert_eq!(run(&sample[..end], granted).0, Ok(None), "cut short after {end}");
        }
    }

    fn ip(text: &str) -> Host {
        Host::Ip(text.parse().expect("an address"))
    }

    /// Examples of the memos and of RFC 1928, written out.
    #[test]
    fn requests() {
        const OK4: &[u8] = &[0, 0x5a, 0, 0, 0, 0, 0, 0];
        const NO4: &[u8] = &[0, 0x5b, 0, 0, 0, 0, 0, 0];
        let v4 = (Version::V4, "Fred", ip("66.102.7.99"), 80);
        check(b"\x04\x01\0\x50\x42\x66\x07\x63Fred\0", true, v4.clone(), OK4, b"");
        check(b"\x04\x01\0\x50\x42\x66\x07\x63Fred\0early", false, v4, NO4, b"early");
        let v4a = (Version::V4a, "", Host::Domain("example.com".into()), 443);
        check(b"\x04\x01\x01\xbb\0\0\0\x01\0example.com\0", true, v4a, OK4, b"");
        // 0.0.0.0 is an address of SOCKS 4.
        let any = (Version::V4, "", ip("0.0.0.0"), 1);
        check(b"\x04\x01\0\x01\0\0\0\0\0", true, any, OK4, b"");
        let v5 = (Version::V5, "", ip("1.2.3.4"), 8080);
        let hello = [5, 0];
        let ok5 = [&hello[..], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        let no5 = [&hello[..], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        check(
            b"\x05\x02\x00\x02\x05\x01\0\x01\x01\x02\x03\x04\x1f\x90",
            true,
            v5,
            &ok5,
            b"",
        );
        let named = (Version::V5, "", Host::Domain("a.b".into()), 53);
        check(
            b"\x05\x01\x00\x05\x01\0\x03\x03a.b\0\x35GET",
            false,
            named,
            &no5,
            b"GET",
        );
    }

    #[track_caller]
    fn refused(sample: &[u8], error: Error, sent: &[u8]) {
        let (result, replied, _) = run(sample, true);
        assert_eq!((result, replied.as_slice()), (Err(error), sent), "{sample:?}");
    }

    #[test]
    fn refusals() {
        let long = [&b"\x04\x01\0\x50\x01\x02\x03\x04"[..], &[b'u'; 256]].concat();
        let no5 = |code: u8| [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let no4: &[u8] = &[0, 0x5b, 0, 0, 0, 0, 0, 0];
        refused(b"GET / HTTP/1.1\r\n", Error::Version(b'G'), b"");
        refused(b"\x05\x01\x02", Error::Method, &[5, 0xff]);
        refused(b"\x05\x00", Error::Method, &[5, 0xff]);
        refused(
            b"\x05\x01\x00\x05\x02\0\x01\x01\x02\x03\x04\0\x50",
            Error::Command(2),
            &no5(7),
        );
        refused(b"\x05\x01\x00\x05\x01\0\x04", Error::AddressType(4), &no5(8));
        refused(b"\x05\x01\x00\x05\x01\0\x03\x00\0\x50", Error::Text, &no5(1));
        refused(b"\x05\x01\x00\x05\x01\0\x03\x03a\0b\0\x50", Error::Text, &no5(1));
        refused(b"\x05\x01\x00\x04", Error::Version(4), &[5, 0]);
        refused(b"\x04\x02\0\x50\x01\x02\x03\x04\0", Error::Command(2), no4);
        refused(b"\x04\x01\0\x50\0\0\0\x01\0\0", Error::Text, no4);
        refused(&long, Error::Text, no4);
    }
}
