//! The PROXY protocol, versions 1 (text) and 2 (binary), both ways: who a connection came from, told before its first byte.
//!
//! For: `acceptProxyProtocol` and `connectProxyProtocol`. Not for: TLVs, which are skipped.
//! Source: "The PROXY protocol, versions 1 & 2" (Willy Tarreau, HAProxy), sections 2.1 and 2.2.
use crate::Chunks;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest line of version 1 with its CRLF (section 2.1).
const MAX_LINE_BYTES: usize = 107;
/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// Addresses of two UNIX sockets, the longest ones.
const MAX_ADDRESS_BYTES: usize = 216;
/// Bytes of one name of a UNIX socket.
const UNIX_BYTES: usize = 108;

/// Form of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What version 2 says the header is about; version 1 knows PROXY only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The sender's own connection, for example a health check: its addresses do not count.
    Local,
    /// On behalf of another.
    Proxy,
}

/// Who talks to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Not known, or of a family that is not known here.
    Unknown,
    /// TCP over IPv4 or IPv6; both of one family.
    Tcp(SocketAddr, SocketAddr),
    /// UDP over IPv4 or IPv6 (version 2); both of one family.
    Udp(SocketAddr, SocketAddr),
    /// UNIX sockets (version 2): stream or datagram, names without trailing zeros.
    Unix {
        /// Stream, not datagram.
        is_stream: bool,
        /// The client's name.
        source: String,
        /// The server's name.
        target: String,
    },
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its form.
    pub version: Version,
    /// What it is about.
    pub command: Command,
    /// Who talks to whom.
    pub addresses: Addresses,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither `PROXY ` nor the signature of version 2.
    #[error("no PROXY protocol header; does the sender have it switched on?")]
    Missing,
    /// It begins as one and goes on otherwise.
    #[error("malformed PROXY protocol header")]
    Malformed,
    /// The family of the two addresses is not one, or version 1 cannot say them.
    #[error("addresses that this version of the PROXY protocol cannot say")]
    Addresses,
}

/// Reads one header. After it the input is the connection's own.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Bound: `FIXED_BYTES + MAX_ADDRESS_BYTES`.
    buf: Vec<u8>,
    /// Bytes of version 2 behind the addresses (TLVs) that are still to be skipped, once the addresses are known.
    found: Option<(Header, usize)>,
    over: bool,
}

impl Decoder {
    /// For a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the header from `input`, no byte more. `None`: more input is needed.
    ///
    /// # Errors
    /// There is no header; the connection is of no further use.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Header>, Error> {
        while !self.over {
            if let Some((header, left)) = &mut self.found {
                if *left == 0 {
                    self.over = true;
                    return Ok(Some(header.clone()));
                }
                let Some(taken) = input.take_front(*left) else { break };
                *left -= taken.len();
                continue;
            }
            let Some(byte) = input.take_front(1).and_then(|bytes| bytes.first().copied()) else {
                break;
            };
            self.buf.push(byte);
            let result = if self.buf.first() == Some(&b'P') {
                self.line()
            } else {
                self.binary()
            };
            if let Err(error) = result {
                self.over = true;
                return Err(error);
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> Result<(), Error> {
        const PREFIX: &[u8] = b"PROXY ";
        let begun = self.buf.len().min(PREFIX.len());
        if self.buf.get(..begun) != PREFIX.get(..begun) {
            return Err(Error::Missing);
        }
        let Some(line) = self.buf.strip_suffix(b"\r\n") else {
            let ends = self.buf.last() == Some(&b'\n');
            return if ends || self.buf.len() >= MAX_LINE_BYTES {
                Err(Error::Malformed)
            } else {
                Ok(())
            };
        };
        let line = std::str::from_utf8(line).map_err(|_| Error::Malformed)?;
        let addresses = line_addresses(line).ok_or(Error::Malformed)?;
        self.found = Some((
            Header {
                version: Version::V1,
                command: Command::Proxy,
                addresses,
            },
            0,
        ));
        Ok(())
    }

    fn binary(&mut self) -> Result<(), Error> {
        let begun = self.buf.len().min(SIGNATURE.len());
        if self.buf.get(..begun) != SIGNATURE.get(..begun) {
            return Err(Error::Missing);
        }
        let Some([kind, family, high, low]) = self.buf.get(SIGNATURE.len()..FIXED_BYTES) else {
            return Ok(());
        };
        let command = match kind {
            0x20 => Command::Local,
            0x21 => Command::Proxy,
            _ => return Err(Error::Malformed),
        };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let wanted = match family >> 4 {
            1 => 12,
            2 => 36,
            3 => MAX_ADDRESS_BYTES,
            _ => 0,
        };
        if *family & 0xf > 2 || family >> 4 > 3 {
            return Err(Error::Malformed);
        }
        // What is said of a connection of the sender's own is skipped, whatever it is (section 2.2).
        let wanted = if command == Command::Local { 0 } else { wanted };
        if len < wanted {
            return Err(Error::Malformed);
        }
        let addresses = self.buf.get(FIXED_BYTES..).unwrap_or_default();
        if addresses.len() < wanted {
            return Ok(());
        }
        let addresses = match command {
            Command::Local => Addresses::Unknown,
            Command::Proxy => binary_addresses(*family, addresses).unwrap_or(Addresses::Unknown),
        };
        let header = Header {
            version: Version::V2,
            command,
            addresses,
        };
        self.found = Some((header, len - wanted));
        Ok(())
    }
}

/// `PROXY TCP4 source target port port`, one blank between them; `PROXY UNKNOWN` and anything.
fn line_addresses(line: &str) -> Option<Addresses> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Addresses::Unknown);
    }
    let (source, target) = (words.next()?, words.next()?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    let (source, target): (IpAddr, IpAddr) = match family {
        "TCP4" => (
            source.parse::<Ipv4Addr>().ok()?.into(),
            target.parse::<Ipv4Addr>().ok()?.into(),
        ),
        "TCP6" => (
            source.parse::<Ipv6Addr>().ok()?.into(),
            target.parse::<Ipv6Addr>().ok()?.into(),
        ),
        _ => return None,
    };
    words
        .next()
        .is_none()
        .then(|| Addresses::Tcp(SocketAddr::new(source, from), SocketAddr::new(target, to)))
}

/// Decimal, without leading zeros or a sign (section 2.1).
fn port(word: &str) -> Option<u16> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain)
}

fn binary_addresses(family: u8, bytes: &[u8]) -> Option<Addresses> {
    let two = |size: usize| -> Option<(SocketAddr, SocketAddr)> {
        let ip = |at: usize| -> Option<IpAddr> {
            let bytes = bytes.get(at..at + size)?;
            match size {
                4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            }
        };
        let port = |at: usize| -> Option<u16> { Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)) };
        let ports = 2 * size;
        Some((
            SocketAddr::new(ip(0)?, port(ports)?),
            SocketAddr::new(ip(size)?, port(ports + 2)?),
        ))
    };
    let size = if family >> 4 == 1 { 4 } else { 16 };
    match family {
        0x11 | 0x21 => two(size).map(|(source, target)| Addresses::Tcp(source, target)),
        0x12 | 0x22 => two(size).map(|(source, target)| Addresses::Udp(source, target)),
        0x31 | 0x32 => {
            let name = |bytes: &[u8]| {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
            };
            Some(Addresses::Unix {
                is_stream: family == 0x31,
                source: name(bytes.get(..UNIX_BYTES)?),
                target: name(bytes.get(UNIX_BYTES..MAX_ADDRESS_BYTES)?),
            })
        }
        _ => None,
    }
}

impl Header {
    /// Appends its bytes to `out`.
    ///
    /// # Errors
    /// `Addresses`, with nothing appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.version {
            Version::V1 => {
                let line = match &self.addresses {
                    Addresses::Unknown => "PROXY UNKNOWN\r\n".to_owned(),
                    Addresses::Tcp(source, target) => {
                        let family = family_of(source, target)?;
                        let (from, to) = (source.ip(), target.ip());
                        format!("PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), target.port())
                    }
                    Addresses::Udp(..) | Addresses::Unix { .. } => return Err(Error::Addresses),
                };
                out.extend_from_slice(line.as_bytes());
            }
            Version::V2 => {
                let (family, addresses) = self.binary_parts()?;
                out.extend_from_slice(SIGNATURE);
                let command = if self.command == Command::Local { 0x20 } else { 0x21 };
                let [high, low] = u16::try_from(addresses.len()).unwrap_or(u16::MAX).to_be_bytes();
                out.extend_from_slice(&[command, family, high, low]);
                out.extend_from_slice(&addresses);
            }
        }
        Ok(())
    }

    fn binary_parts(&self) -> Result<(u8, Vec<u8>), Error> {
        let mut bytes = Vec::new();
        let family = match &self.addresses {
            Addresses::Unknown => 0,
            Addresses::Tcp(source, target) | Addresses::Udp(source, target) => {
                let family = family_of(source, target)?;
                for ip in [source.ip(), target.ip()] {
                    match ip {
                        IpAddr::V4(ip) => bytes.extend_from_slice(&ip.octets()),
                        IpAddr::V6(ip) => bytes.extend_from_slice(&ip.octets()),
                    }
                }
                bytes.extend_from_slice(&source.port().to_be_bytes());
                bytes.extend_from_slice(&target.port().to_be_bytes());
                let transport = if matches!(self.addresses, Addresses::Tcp(..)) {
                    1
                } else {
                    2
                };
                (if family == 4 { 0x10 } else { 0x20 }) | transport
            }
            Addresses::Unix {
                is_stream,
                source,
                target,
            } => {
                for name in [source, target] {
                    let start = bytes.len();
                    if name.len() > UNIX_BYTES {
                        return Err(Error::Addresses);
                    }
                    bytes.extend_from_slice(name.as_bytes());
                    bytes.resize(start + UNIX_BYTES, 0);
                }
                if *is_stream { 0x31 } else { 0x32 }
            }
        };
        Ok((family, bytes))
    }
}

fn family_of(source: &SocketAddr, target: &SocketAddr) -> Result<u8, Error> {
    match (source, target) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => Ok(4),
        (SocketAddr::V6(_), SocketAddr::V6(_)) => Ok(6),
        _ => Err(Error::Addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::{feed, split_everywhere};

    fn run(sample: &[u8]) -> (Result<Option<Header>, Error>, Vec<u8>) {
        split_everywhere(sample, |pieces| {
            let (mut decoder, mut result, mut rest) = (Decoder::new(), Ok(None), Vec::new());
            feed(pieces, |input| {
                if result == Ok(None) {
                    result = decoder.decode(input);
                }
                while let Some(chunk) = input.pop_front() {
                    rest.extend_from_slice(&chunk);
                }
            });
            (result, rest)
        })
    }

    fn tcp(source: &str, target: &str) -> Addresses {
        Addresses::Tcp(source.parse().expect("address"), target.parse().expect("address"))
    }

    #[track_caller]
    fn check(header: &[u8], version: Version, command: Command, addresses: Addresses) {
        let expected = Header {
            version,
            command,
            addresses,
        };
        let sample = [header, b"GET /"].concat();
        assert_eq!(run(&sample), (Ok(Some(expected)), b"GET /".to_vec()));
        for end in 0..header.len() {
            assert_eq!(run(&header[..end]).0, Ok(None), "cut short after {end}");
        }
    }

    fn v2(kind: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[kind, family], &len, rest].concat()
    }

    /// The examples of the specification, and its binary layout written out.
    #[test]
    fn headers() {
        let (one, two, proxy, local) = (Version::V1, Version::V2, Command::Proxy, Command::Local);
        let four = tcp("192.168.0.1:56324", "192.168.0.11:443");
        check(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", one, proxy, four);
        let six = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let longest = format!("PROXY UNKNOWN {six} {six} 65535 65535\r\n");
        assert_eq!(longest.len(), MAX_LINE_BYTES);
        check(longest.as_bytes(), one, proxy, Addresses::Unknown);
        check(b"PROXY UNKNOWN\r\n", one, proxy, Addresses::Unknown);
        check(
            b"PROXY TCP6 ::1 2001:db8::2 0 1\r\n",
            one,
            proxy,
            tcp("[::1]:0", "[2001:db8::2]:1"),
        );
        let bytes = [10, 0, 0, 1, 10, 0, 0, 2, 0x1f, 0x90, 0, 80];
        let four = tcp("10.0.0.1:8080", "10.0.0.2:80");
        check(&v2(0x21, 0x11, &bytes), two, proxy, four.clone());
        let with_tlvs = [&bytes[..], b"\x04\0\x03abc"].concat();
        check(&v2(0x21, 0x11, &with_tlvs), two, proxy, four);
        check(&v2(0x20, 0, b""), two, local, Addresses::Unknown);
        check(&v2(0x20, 0x11, b"odd"), two, local, Addresses::Unknown);
        check(&v2(0x21, 0, b"tlvs"), two, proxy, Addresses::Unknown);
        let mut names = [0; MAX_ADDRESS_BYTES];
        names[..2].copy_from_slice(b"/a");
        names[UNIX_BYTES..UNIX_BYTES + 2].copy_from_slice(b"/b");
        let unix = Addresses::Unix {
            is_stream: true,
            source: "/a".into(),
            target: "/b".into(),
        };
        check(&v2(0x21, 0x31, &names), two, proxy, unix);
    }

    #[test]
    fn what_is_no_header() {
        let long = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
        for (sample, error) in [
            (&b"GET / HTTP/1.1\r\n"[..], Error::Missing),
            (b"POST / HTTP/1.1\r\n", Error::Missing),
            (b"PROXYTCP4", Error::Missing),
            (b"\r\n\r\nx", Error::Missing),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", Error::Malformed),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", Error::Malformed),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", Error::Malformed),
            (b"PROXY TCP4 ::1 ::1 1 2\r\n", Error::Malformed),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", Error::Malformed),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", Error::Malformed),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n", Error::Malformed),
            (b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", Error::Malformed),
            (b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", Error::Malformed),
            (&long, Error::Malformed),
            (&v2(0x11, 0x11, &[0; 12]), Error::Malformed),
            (&v2(0x22, 0x11, &[0; 12]), Error::Malformed),
            (&v2(0x21, 0x13, &[0; 12]), Error::Malformed),
            (&v2(0x21, 0x41, &[0; 12]), Error::Malformed),
            (&v2(0x21, 0x11, &[0; 11]), Error::Malformed),
        ] {
            assert_eq!(run(sample).0, Err(error), "{}", String::from_utf8_lossy(sample));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let udp = |a: &str, b: &str| Addresses::Udp(a.parse().expect("address"), b.parse().expect("address"));
        let unix = |source: String| Addresses::Unix {
            is_stream: false,
            source,
            target: String::new(),
        };
        for (version, addresses, fits) in [
            (Version::V1, Addresses::Unknown, true),
            (Version::V1, tcp("1.2.3.4:5", "6.7.8.9:10"), true),
            (Version::V1, tcp("[::1]:5", "[::2]:10"), true),
            (Version::V1, tcp("1.2.3.4:5", "[::2]:10"), false),
            (Version::V1, udp("1.2.3.4:5", "6.7.8.9:10"), false),
            (Version::V2, Addresses::Unknown, true),
            (Version::V2, tcp("[::1]:5", "[::2]:10"), true),
            (Version::V2, tcp("1.2.3.4:5", "6.7.8.9:10"), true),
            (Version::V2, udp("[::1]:5", "[::2]:10"), true),
            (Version::V2, unix("/tmp/s".into()), true),
            (Version::V2, unix("x".repeat(109)), false),
        ] {
            let header = Header {
                version,
                command: Command::Proxy,
                addresses,
            };
            let mut bytes = Vec::new();
            let written = header.encode(&mut bytes);
            assert_eq!(written.is_ok(), fits, "{header:?}");
            if fits {
                assert_eq!(run(&bytes), (Ok(Some(header)), Vec::new()));
            } else {
                assert!(bytes.is_empty(), "{header:?}");
            }
        }
    }
}
