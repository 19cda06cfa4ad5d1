//! A DNS message to bytes. Source: RFC 1035 section 4.
use super::{Error, MAX_MESSAGE_BYTES, Message, RData, Record, name, type_name};

/// The bytes of a message.
pub(super) fn message(message: &Message) -> Result<Vec<u8>, Error> {
    let flags = &message.flags;
    let bit = |set: bool, bit: u16| u16::from(set) << bit;
    let word = bit(flags.qr, 15)
        | u16::from(flags.opcode & 0xf) << 11
        | bit(flags.aa, 10)
        | bit(flags.tc, 9)
        | bit(flags.rd, 8)
        | bit(flags.ra, 7)
        | bit(flags.ad, 5)
        | bit(flags.cd, 4)
        | u16::from(flags.rcode & 0xf);
    let sections = [&message.answers, &message.authorities, &message.additionals];
    let mut bytes = Vec::with_capacity(512);
    for number in [message.id, word, count(message.questions.len())?] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for section in sections {
        bytes.extend_from_slice(&count(section.len())?.to_be_bytes());
    }
    let mut places = name::Places::default();
    for question in &message.questions {
        places.encode(&question.name, &mut bytes)?;
        bytes.extend_from_slice(&question.kind.to_be_bytes());
        bytes.extend_from_slice(&question.class.to_be_bytes());
    }
    for record in sections.into_iter().flatten() {
        self::record(record, &mut places, &mut bytes)?;
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(Error::Long);
        }
    }
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(Error::Long);
    }
    Ok(bytes)
}

fn count(len: usize) -> Result<u16, Error> {
    u16::try_from(len).map_err(|_| Error::Long)
}

fn record(record: &Record, places: &mut name::Places, bytes: &mut Vec<u8>) -> Result<(), Error> {
    places.encode(&record.name, bytes)?;
    bytes.extend_from_slice(&record.kind.to_be_bytes());
    bytes.extend_from_slice(&record.class.to_be_bytes());
    bytes.extend_from_slice(&record.ttl.to_be_bytes());
    let at = bytes.len();
    bytes.extend_from_slice(&[0, 0]);
    data(record, places, bytes)?;
    let len = u16::try_from(bytes.len() - at - 2).map_err(|_| Error::Long)?;
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&len.to_be_bytes());
    }
    Ok(())
}

fn data(record: &Record, places: &mut name::Places, bytes: &mut Vec<u8>) -> Result<(), Error> {
    match (type_name(record.kind), &record.data) {
        (Some("A"), RData::A(ip)) => bytes.extend_from_slice(&ip.octets()),
        (Some("AAAA"), RData::Aaaa(ip)) => bytes.extend_from_slice(&ip.octets()),
        (Some("CNAME" | "NS" | "PTR"), RData::Name(name)) => places.encode(name, bytes)?,
        (Some("MX"), RData::Mx { preference, exchange }) => {
            bytes.extend_from_slice(&preference.to_be_bytes());
            places.encode(exchange, bytes)?;
        }
        (Some("SOA"), RData::Soa(soa)) => {
            places.encode(&soa.mname, bytes)?;
            places.encode(&soa.rname, bytes)?;
            for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        (
            Some("SRV"),
            RData::Srv {
                priority,
                weight,
                port,
                target,
            },
        ) => {
            for number in [priority, weight, port] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            // RFC 2782: this name is not compressed.
            name::encode_plain(target, bytes)?;
        }
        (Some("TXT"), RData::Txt(texts)) => {
            for text in texts {
                bytes.push(u8::try_from(text.len()).map_err(|_| Error::Record)?);
                bytes.extend_from_slice(text);
            }
        }
        (_, RData::Other(other)) => bytes.extend_from_slice(other),
        _ => return Err(Error::Record),
    }
    Ok(())
}
