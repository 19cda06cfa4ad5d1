//! The client's side of SOCKS: greeting and request out, the server's answers in.
//!
//! For: `connectSOCKS`, and tests of the server's side. Not for: authentication.
//! Source: RFC 1928 sections 3, 4 and 6; the memos of SOCKS 4 and 4a.
use super::{Error, Host, MAX_TEXT_BYTES, Version};
use crate::Chunks;
use std::net::IpAddr;

/// Asks a server for one connection.
#[derive(Debug)]
pub struct Client {
    stage: Stage,
    /// What is sent once the server has chosen a method (SOCKS 5).
    request: Vec<u8>,
    /// The answer at hand. Bound: the longest one, of SOCKS 5 with a name.
    buf: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Method,
    Answer5,
    Answer4,
    Over,
}

impl Client {
    /// Begins; `sent` gets the first bytes for the server.
    ///
    /// # Errors
    /// `Host` or `Text` when this version cannot name `host`.
    pub fn start(version: Version, host: &Host, port: u16, user: &str, sent: &mut Vec<u8>) -> Result<Self, Error> {
        let [high, low] = port.to_be_bytes();
        let mut request = Vec::new();
        let stage = match version {
            Version::V4 | Version::V4a => {
                let name = match (host, version) {
                    (Host::Ip(IpAddr::V4(ip)), _) => {
                        request.extend_from_slice(&[4, 1, high, low]);
                        request.extend_from_slice(&ip.octets());
                        None
                    }
                    (Host::Domain(name), Version::V4a) => {
                        request.extend_from_slice(&[4, 1, high, low, 0, 0, 0, 1]);
                        Some(checked(name)?)
                    }
                    _ => return Err(Error::Host),
                };
                if user.len() > MAX_TEXT_BYTES || user.contains('\0') {
                    return Err(Error::Text);
                }
                for text in std::iter::once(user.as_bytes()).chain(name) {
                    request.extend_from_slice(text);
                    request.push(0);
                }
                sent.append(&mut request);
                Stage::Answer4
            }
            Version::V5 => {
                request.extend_from_slice(&[5, 1, 0]);
                match host {
                    Host::Ip(IpAddr::V4(ip)) => {
                        request.push(1);
                        request.extend_from_slice(&ip.octets());
                    }
                    Host::Ip(IpAddr::V6(ip)) => {
                        request.push(4);
                        request.extend_from_slice(&ip.octets());
                    }
                    Host::Domain(name) => {
                        let name = checked(name)?;
                        request.extend_from_slice(&[3, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
                        request.extend_from_slice(name);
                    }
                }
                request.extend_from_slice(&[high, low]);
                sent.extend_from_slice(&[5, 1, 0]);
                Stage::Method
            }
        };
        Ok(Client {
            stage,
            request,
            buf: Vec::new(),
        })
    }

    /// Takes what it needs of `input`; `sent` gets what goes to the server. True when connected: the rest is the peer's.
    ///
    /// # Errors
    /// `Refused` or `Answer`; the connection is of no further use.
    pub fn decode(&mut self, input: &mut Chunks, sent: &mut Vec<u8>) -> Result<bool, Error> {
        while let Some(byte) = input.take_front(1).and_then(|bytes| bytes.first().copied()) {
            self.buf.push(byte);
            let done = self.step(sent);
            if !matches!(done, Ok(false)) {
                self.stage = Stage::Over;
                return done;
            }
        }
        Ok(false)
    }

    fn step(&mut self, sent: &mut Vec<u8>) -> Result<bool, Error> {
        match (self.stage, self.buf.as_slice()) {
            (Stage::Method, [5]) => {}
            (Stage::Method, [5, 0]) => {
                sent.append(&mut self.request);
                self.buf.clear();
                self.stage = Stage::Answer5;
            }
            (Stage::Method, [5, 0xff]) => return Err(Error::Method),
            (Stage::Answer5, [5]) => {}
            (Stage::Answer5, [5, 0, ..]) => {
                let len = match self.buf.as_slice() {
                    [_, _, _, 1, ..] => 10,
                    [_, _, _, 4, ..] => 22,
                    [_, _, _, 3, len, ..] => 7 + usize::from(*len),
                    [_, _, _, 3] | [_, _, _] | [_, _] => return Ok(false),
                    _ => return Err(Error::Answer),
                };
                return Ok(self.buf.len() == len);
            }
            (Stage::Answer5, [5, code, ..]) => return Err(Error::Refused(*code)),
            (Stage::Answer4, [0]) => {}
            (Stage::Answer4, [0, 0x5a, rest @ ..]) => return Ok(rest.len() == 6),
            (Stage::Answer4, [0, code, ..]) => return Err(Error::Refused(*code)),
            _ => return Err(Error::Answer),
        }
        Ok(false)
    }
}

fn checked(name: &str) -> Result<&[u8], Error> {
    let fits = !name.is_empty() && name.len() <= MAX_TEXT_BYTES && !name.contains('\0');
    fits.then_some(name.as_bytes()).ok_or(Error::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socks::{Request, Server};
    use crate::split::{feed, split_everywhere};

    const NAME: &str = "example.com";

    fn hosts() -> Vec<(Version, Host)> {
        let name = Host::Domain(NAME.into());
        let ip = Host::Ip([192, 0, 2, 7].into());
        vec![
            (Version::V4, ip.clone()),
            (Version::V4a, name.clone()),
            (Version::V5, ip),
            (Version::V5, name),
        ]
    }

    /// Both sides against each other, and the bytes that follow belong to neither.
    #[test]
    fn round_trips_with_our_server() {
        for (version, host) in hosts() {
            let user = if version == Version::V5 { "" } else { "me" };
            let mut wire = Vec::new();
            let mut client = Client::start(version, &host, 80, user, &mut wire).expect("a request");
            let mut server = Server::new();
            let mut request = None;
            for _ in 0..3 {
                let mut input = Chunks::from_iter([std::mem::take(&mut wire).into()]);
                let mut back = Vec::new();
                if let Some(found) = server.decode(&mut input, &mut back).expect("a request") {
                    server.answer(true, &mut back);
                    back.extend_from_slice(b"welcome");
                    request = Some(found);
                }
                let mut back = Chunks::from_iter([back.into()]);
                if client.decode(&mut back, &mut wire).expect("an answer") {
                    assert_eq!(back.front(), b"welcome", "{version:?}");
                    break;
                }
            }
            let user = user.to_owned();
            let expected = Request {
                version,
                user,
                host,
                port: 80,
            };
            assert_eq!(request, Some(expected));
        }
    }

    fn answer(version: Version, sample: &[u8]) -> (Result<bool, Error>, Vec<u8>) {
        split_everywhere(sample, |pieces| {
            let host = Host::Ip([192, 0, 2, 7].into());
            let mut client = Client::start(version, &host, 80, "", &mut Vec::new()).expect("a request");
            let (mut sent, mut result) = (Vec::new(), Ok(false));
            feed(pieces, |input| {
                if result == Ok(false) {
                    result = client.decode(input, &mut sent);
                }
            });
            (result, sent)
        })
    }

    #[test]
    fn answers() {
        let request = b"\x05\x01\0\x01\xc0\0\x02\x07\0\x50";
        for (version, sample, expected) in [
            (Version::V4, &b"\0\x5a\0\0\0\0\0\0"[..], Ok(true)),
            (Version::V4, b"\0\x5a\0\0\0\0\0", Ok(false)),
            (Version::V4, b"\0\x5b", Err(Error::Refused(0x5b))),
            (Version::V4, b"\x04\x5a", Err(Error::Answer)),
            (Version::V5, b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", Ok(true)),
            (Version::V5, b"\x05\0\x05\0\0\x03\x02ab\0\0", Ok(true)),
            (
                Version::V5,
                b"\x05\0\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                Ok(true),
            ),
            (Version::V5, b"\x05\0\x05\0\0\x02", Err(Error::Answer)),
            (Version::V5, b"\x05\0\x05\x05", Err(Error::Refused(5))),
            (Version::V5, b"\x05\xff", Err(Error::Method)),
            (Version::V5, b"\x05\x02", Err(Error::Answer)),
            (Version::V5, b"HTTP/1.1 400", Err(Error::Answer)),
        ] {
            let (result, sent) = answer(version, sample);
            assert_eq!(result, expected, "{sample:?}");
            let asked = version == Version::V5 && sample.starts_with(&[5, 0]);
            assert_eq!(sent, if asked { &request[..] } else { &[] }, "{sample:?}");
        }
    }

    #[test]
    fn hosts_that_cannot_be_named() {
        let (name, six) = (Host::Domain(NAME.into()), Host::Ip([0u16; 8].into()));
        let long = Host::Domain("a".repeat(256));
        for (version, host, error) in [
            (Version::V4, &name, Error::Host),
            (Version::V4a, &six, Error::Host),
            (Version::V5, &long, Error::Text),
            (Version::V4a, &long, Error::Text),
        ] {
            let result = Client::start(version, host, 1, "", &mut Vec::new());
            assert_eq!(result.err(), Some(error), "{version:?} {host:?}");
        }
    }
}
