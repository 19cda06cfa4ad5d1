//! Bytes to a DNS message. Source: RFC 1035 section 4.
use super::{Error, Flags, Message, Question, RData, Record, Soa, name};

/// Reads a message.
pub(super) fn message(bytes: &[u8]) -> Result<Message, Error> {
    let mut cursor = Cursor { bytes, at: 0 };
    let id = cursor.number16()?;
    let word = cursor.number16()?;
    let bit = |bit: u16| word >> bit & 1 == 1;
    let flags = Flags {
        qr: bit(15),
        opcode: (word >> 11 & 0xf) as u8,
        aa: bit(10),
        tc: bit(9),
        rd: bit(8),
        ra: bit(7),
        ad: bit(5),
        cd: bit(4),
        rcode: (word & 0xf) as u8,
    };
    let counts = [
        cursor.number16()?,
        cursor.number16()?,
        cursor.number16()?,
        cursor.number16()?,
    ];
    let [questions, answers, authorities, additionals] = counts;
    // What a count promises is not allocated before it is there.
    let mut message = Message {
        id,
        flags,
        ..Message::default()
    };
    for _ in 0..questions {
        message.questions.push(Question {
            name: cursor.name()?,
            kind: cursor.number16()?,
            class: cursor.number16()?,
        });
    }
    for (section, count) in [
        (&mut message.answers, answers),
        (&mut message.authorities, authorities),
        (&mut message.additionals, additionals),
    ] {
        for _ in 0..count {
            section.push(cursor.record()?);
        }
    }
    Ok(message)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or(Error::Short)?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| Error::Short)
    }

    fn number16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    fn number32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Result<String, Error> {
        let (text, end) = name::decode(self.bytes, self.at)?;
        self.at = end;
        Ok(text)
    }

    fn record(&mut self) -> Result<Record, Error> {
        let name = self.name()?;
        let (kind, class, ttl) = (self.number16()?, self.number16()?, self.number32()?);
        let len = usize::from(self.number16()?);
        let end = self.at + len;
        let bytes = self.bytes.get(self.at..end).ok_or(Error::Short)?;
        // Names in it may point to anything before it, so it is read within the message, but not beyond its end.
        let mut inner = Cursor {
            bytes: self.bytes.get(..end).ok_or(Error::Short)?,
            at: self.at,
        };
        let data = inner.data(kind, bytes).map_err(|error| match error {
            Error::Short => Error::Record,
            error => error,
        })?;
        if inner.at != end {
            return Err(Error::Record);
        }
        self.at = end;
        Ok(Record {
            name,
            kind,
            class,
            ttl,
            data,
        })
    }

    fn data(&mut self, kind: u16, bytes: &[u8]) -> Result<RData, Error> {
        if bytes.is_empty() {
            return Ok(RData::Other(Vec::new()));
        }
        Ok(match super::type_name(kind) {
            Some("A") => RData::A(self.array::<4>()?.into()),
            Some("AAAA") => RData::Aaaa(self.array::<16>()?.into()),
            Some("CNAME" | "NS" | "PTR") => RData::Name(self.name()?),
            Some("MX") => RData::Mx {
                preference: self.number16()?,
                exchange: self.name()?,
            },
            Some("SOA") => RData::Soa(Box::new(Soa {
                mname: self.name()?,
                rname: self.name()?,
                serial: self.number32()?,
                refresh: self.number32()?,
                retry: self.number32()?,
                expire: self.number32()?,
                minimum: self.number32()?,
            })),
            Some("SRV") => RData::Srv {
                priority: self.number16()?,
                weight: self.number16()?,
                port: self.number16()?,
                target: self.name()?,
            },
            Some("TXT") => {
                let (mut texts, end) = (Vec::new(), self.at + bytes.len());
                while self.at < end {
                    let [len] = self.array()?;
                    texts.push(self.take(usize::from(len))?.to_vec());
                }
                RData::Txt(texts)
            }
            _ => RData::Other(self.take(bytes.len())?.to_vec()),
        })
    }
}
