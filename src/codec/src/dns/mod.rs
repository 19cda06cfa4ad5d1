//! DNS messages, both ways: what a DNS server or forwarder made of scripts reads and writes.
//!
//! For: `DNS.decode` and `DNS.encode`. Not for: asking anybody (the engine's resolver does), DNSSEC, the two length bytes of DNS over
//! TCP. Records of types that have no form of their own here keep their bytes, OPT among them.
//! Source: RFC 1035 sections 3 and 4; RFC 3596 (AAAA); RFC 2782 (SRV); RFC 4035 section 3 (AD, CD).
mod decode;
mod encode;
mod name;

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest message, bytes: what the length of DNS over TCP can say.
pub const MAX_MESSAGE_BYTES: usize = u16::MAX as usize;

/// The class of the Internet.
pub const CLASS_IN: u16 = 1;

/// Names of the types that have a form here (RFC 1035 section 3.2.2).
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

/// The name of a type; none for those without a form here.
pub fn type_name(number: u16) -> Option<&'static str> {
    TYPES.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
}

/// The number of a type, by its name in any case.
pub fn type_number(name: &str) -> Option<u16> {
    TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, number)| *number)
}

/// A message. Names are text without the final dot (the root is empty), with escapes as in RFC 1035 section 5.1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Ties an answer to its question.
    pub id: u16,
    /// Flags, opcode and rcode.
    pub flags: Flags,
    /// What is asked.
    pub questions: Vec<Question>,
    /// Answers.
    pub answers: Vec<Record>,
    /// Name servers that know.
    pub authorities: Vec<Record>,
    /// What comes in handy, and OPT.
    pub additionals: Vec<Record>,
}

/// The second word of the header (RFC 1035 section 4.1.1, RFC 4035 section 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// An answer.
    pub qr: bool,
    /// Kind of question, 4 bits.
    pub opcode: u8,
    /// By an authority.
    pub aa: bool,
    /// Cut short.
    pub tc: bool,
    /// Recursion desired.
    pub rd: bool,
    /// Recursion available.
    pub ra: bool,
    /// Authentic data.
    pub ad: bool,
    /// Checking disabled.
    pub cd: bool,
    /// How it went, 4 bits.
    pub rcode: u8,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// About what.
    pub name: String,
    /// Type.
    pub kind: u16,
    /// Class.
    pub class: u16,
}

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Of what.
    pub name: String,
    /// Type; decides the form of `data`.
    pub kind: u16,
    /// Class.
    pub class: u16,
    /// Seconds that it holds.
    pub ttl: u32,
    /// The rest.
    pub data: RData,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RData {
    /// A.
    A(Ipv4Addr),
    /// AAAA.
    Aaaa(Ipv6Addr),
    /// CNAME, NS, PTR.
    Name(String),
    /// MX.
    Mx {
        /// Lower is better.
        preference: u16,
        /// Host.
        exchange: String,
    },
    /// SOA.
    Soa(Box<Soa>),
    /// SRV.
    Srv {
        /// Lower is better.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Port.
        port: u16,
        /// Host.
        target: String,
    },
    /// TXT: strings of at most 255 bytes.
    Txt(Vec<Vec<u8>>),
    /// The bytes of any other type, or of a record that has none (RFC 2136).
    Other(Vec<u8>),
}

/// Start of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Soa {
    /// Primary server.
    pub mname: String,
    /// Mail address of who is responsible.
    pub rname: String,
    /// Version.
    pub serial: u32,
    /// Seconds.
    pub refresh: u32,
    /// Seconds.
    pub retry: u32,
    /// Seconds.
    pub expire: u32,
    /// Seconds that a negative answer holds.
    pub minimum: u32,
}

/// Why bytes are no message, or a message has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It ends too early.
    #[error("DNS message cut short")]
    Short,
    /// A label or a name too long, a pointer forward, too many pointers, an escape that is none.
    #[error("malformed name in a DNS message")]
    Name,
    /// The bytes of a record are more or fewer than its type has.
    #[error("malformed record in a DNS message")]
    Record,
    /// Longer than [`MAX_MESSAGE_BYTES`], or more than 65535 records in a section.
    #[error("DNS message longer than {MAX_MESSAGE_BYTES} bytes")]
    Long,
}

impl Message {
    /// Reads a message. Bytes behind it are ignored.
    ///
    /// # Errors
    /// Anything that is no message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode::message(bytes)
    }

    /// Its bytes, with compressed names.
    ///
    /// # Errors
    /// `Name` or `Record` for what cannot be said, `Long`.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        encode::message(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compressed names of RFC 1035 section 4.1.4, in one message: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root.
    #[test]
    fn compression_of_the_rfc() {
        let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 4, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"\x01F\x03ISI\x04ARPA\0\0\x01\0\x01");
        bytes.extend_from_slice(b"\x03FOO\xc0\x0c\0\x01\0\x01");
        bytes.extend_from_slice(b"\xc0\x12\0\x01\0\x01");
        bytes.extend_from_slice(b"\0\0\x01\0\x01");
        let message = Message::decode(&bytes).expect("it is well-formed");
        let names: Vec<&str> = message
            .questions
            .iter()
            .map(|question| question.name.as_str())
            .collect();
        assert_eq!(names, ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", ""]);
        let flags = Flags {
            qr: true,
            rd: true,
            ra: true,
            ..Flags::default()
        };
        assert_eq!((message.id, message.flags), (0x1234, flags));
        // What we write is the same, byte for byte: each name points to the first place that has its end.
        assert_eq!(message.encode().expect("short"), bytes);
        for end in 0..bytes.len() {
            assert!(Message::decode(&bytes[..end]).is_err(), "cut short after {end}");
        }
    }

    fn record(kind: &str, data: RData) -> Record {
        Record {
            name: "a.example.com".into(),
            kind: type_number(kind).unwrap_or(999),
            class: CLASS_IN,
            ttl: 300,
            data,
        }
    }

    /// A message with every form of record.
    fn sample() -> Message {
        let soa = Soa {
            mname: "ns.example.com".into(),
            rname: "admin.example.com".into(),
            serial: 2_026_010_100,
            refresh: 7200,
            retry: 3600,
            expire: 1_209_600,
            minimum: 60,
        };
        let opt = Record {
            name: String::new(),
            kind: 41,
            class: 4096,
            ttl: 0x8000,
            data: RData::Other(vec![0, 10, 0, 2, 1, 2]),
        };
        Message {
            id: 7,
            flags: Flags {
                opcode: 4,
                aa: true,
                tc: true,
                ad: true,
                cd: true,
                rcode: 3,
                ..Flags::default()
            },
            questions: vec![Question {
                name: "a.example.com".into(),
                kind: 255,
                class: CLASS_IN,
            }],
            answers: vec![
                record("A", RData::A([192, 0, 2, 1].into())),
                record("AAAA", RData::Aaaa("2001:db8::1".parse().expect("address"))),
                record("CNAME", RData::Name("b.example.com".into())),
                record("NS", RData::Name("ns.example.com".into())),
                record("PTR", RData::Name("host.example.com".into())),
                record(
                    "MX",
                    RData::Mx {
                        preference: 10,
                        exchange: "mail.example.com".into(),
                    },
                ),
                record(
                    "SRV",
                    RData::Srv {
                        priority: 1,
                        weight: 2,
                        port: 5060,
                        target: "sip.example.com".into(),
                    },
                ),
                record("TXT", RData::Txt(vec![b"v=spf1".to_vec(), Vec::new(), vec![b'x'; 255]])),
                record("?", RData::Other(vec![1, 2, 3])),
                record("A", RData::Other(Vec::new())),
            ],
            authorities: vec![record("SOA", RData::Soa(Box::new(soa)))],
            additionals: vec![opt],
        }
    }

    #[test]
    fn round_trips() {
        let message = sample();
        let bytes = message.encode().expect("it can be said");
        assert_eq!(Message::decode(&bytes), Ok(message));
        for end in 0..bytes.len() {
            assert!(Message::decode(&bytes[..end]).is_err(), "cut short after {end}");
        }
        let trailing = [&bytes[..], b"padding"].concat();
        assert_eq!(Message::decode(&trailing), Message::decode(&bytes));
    }

    #[track_caller]
    fn refused(record: &[u8], error: Error) {
        let header = [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let bytes = [&header, record].concat();
        assert_eq!(Message::decode(&bytes), Err(error), "{record:?}");
    }

    #[test]
    fn hostile_input() {
        let rest = b"\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04";
        let named = |name: &[u8]| [name, rest].concat();
        refused(&named(b"\xc0\x0c"), Error::Name);
        refused(&named(b"\x01a\xc0\x0c"), Error::Name);
        refused(&named(b"\xc0\xff"), Error::Name);
        refused(&named(b"\x80"), Error::Name);
        refused(&named(b"\x40"), Error::Name);
        let long = [&b"\x3f"[..], &[b'a'; 63]].concat().repeat(4);
        refused(&named(&[&long[..], b"\0"].concat()), Error::Name);
        refused(b"\0\0\x01\0\x01\0\0\0\0\0\x03\x01\x02\x03", Error::Record);
        refused(b"\0\0\x01\0\x01\0\0\0\0\0\x05\x01\x02\x03\x04\x05", Error::Record);
        refused(b"\0\0\x1c\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04", Error::Record);
        refused(b"\0\0\x05\0\x01\0\0\0\0\0\x02\0\0", Error::Record);
        refused(b"\0\0\x10\0\x01\0\0\0\0\0\x02\x05a", Error::Record);
        refused(b"\0\0\x01\0\x01\0\0\0\0\0\x09\x01", Error::Short);
        // 65535 records of a few bytes: ends at once.
        assert_eq!(Message::decode(&[0xff; 12]), Err(Error::Short));
    }

    /// A chain of pointers as long as a message can hold, asked for again and again.
    #[test]
    fn long_chains_of_pointers_end_early() {
        let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"\0\0\x01\0\x01");
        let opaque = 12_000u16;
        // One record of an unknown type holds the chain.
        bytes[7] = 2;
        bytes.extend_from_slice(b"\0\x03\xe7\0\x01\0\0\0\0");
        bytes.extend_from_slice(&opaque.to_be_bytes());
        let start = bytes.len() as u16;
        for link in 0..opaque / 2 {
            let to = if link == 0 { 12 } else { start + 2 * (link - 1) };
            bytes.extend_from_slice(&(0xc000 | to).to_be_bytes());
        }
        let last = start + opaque - 2;
        bytes.extend_from_slice(&(0xc000 | last).to_be_bytes());
        bytes.extend_from_slice(b"\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04");
        assert_eq!(Message::decode(&bytes), Err(Error::Name));
    }

    #[test]
    fn what_cannot_be_said() {
        let asked = |name: &str| Message {
            questions: vec![Question {
                name: name.to_owned(),
                kind: 1,
                class: 1,
            }],
            ..Message::default()
        };
        for (name, error) in [
            ("a..b".to_owned(), Error::Name),
            (".a".to_owned(), Error::Name),
            ("a".repeat(64), Error::Name),
            (vec!["a".repeat(63); 4].join("."), Error::Name),
            ("a\\".to_owned(), Error::Name),
            ("a\\25".to_owned(), Error::Name),
            ("a\\256".to_owned(), Error::Name),
        ] {
            assert_eq!(asked(&name).encode(), Err(error), "{name}");
        }
        for (name, read) in [
            ("a.b.", "a.b"),
            (".", ""),
            ("", ""),
            ("a\\.b.c", "a\\.b.c"),
            ("\\000\\046x", "\\000\\.x"),
            ("_dns._udp.é", "_dns._udp.\\195\\169"),
        ] {
            let bytes = asked(name).encode().expect(name);
            let message = Message::decode(&bytes).expect(name);
            assert_eq!(message.questions.first().map(|asked| asked.name.as_str()), Some(read));
            assert_eq!(message.encode(), Ok(bytes), "{name}");
        }
        let long = Message {
            answers: vec![record("?", RData::Other(vec![0; 40_000])); 2],
            ..Message::default()
        };
        assert_eq!(long.encode(), Err(Error::Long));
        let mut wrong = asked("a");
        wrong.answers = vec![record("MX", RData::A([1, 1, 1, 1].into()))];
        assert_eq!(wrong.encode(), Err(Error::Record));
        wrong.answers = vec![record("TXT", RData::Txt(vec![vec![0; 256]]))];
        assert_eq!(wrong.encode(), Err(Error::Record));
    }
}
