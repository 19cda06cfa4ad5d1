//! What the kernel answers: a walk over the messages of one datagram, sans-I/O.

use std::io;

use super::numbers::SUBSYSTEM;

/// NLMSG_ERROR and NLMSG_DONE.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Bytes of a message's head, and of netfilter's behind it.
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;

/// One message.
#[derive(Debug)]
pub(crate) enum Reply<'a> {
    /// The message with this sequence number was done, or was not.
    Acknowledged(u32, io::Result<()>),
    /// Something of nf_tables: its type without the subsystem, its attributes.
    Part(u16, &'a [u8]),
    /// The last of a dump.
    Done,
}

/// The messages of a datagram.
///
/// # Errors  A static word for what no kernel sends.
pub(crate) fn read(mut bytes: &[u8]) -> Result<Vec<Reply<'_>>, &'static str> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(number(bytes, 0)?).map_err(|_| "a length")?;
        let body = bytes.get(HEADER..length).ok_or("a message longer than its datagram")?;
        let kind = bytes.get(4..6).ok_or("a head that is cut off")?;
        let kind = u16::from_ne_bytes([kind[0], kind[1]]);
        match kind {
            ERROR => {
                let code = number(body, 0)?.cast_signed();
                // The head of the message that it is about follows.
                let result = match code {
                    0 => Ok(()),
                    code => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
                };
                replies.push(Reply::Acknowledged(number(body, 4 + 8)?, result));
            }
            DONE => replies.push(Reply::Done),
            kind if kind >> 8 == SUBSYSTEM => {
                let value = body.get(FAMILY_HEADER..).ok_or("no head of netfilter")?;
                replies.push(Reply::Part(kind & 0xff, value));
            }
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(replies)
}

fn number(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_ne_bytes).ok_or("a number that is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 10]);
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn acknowledged(code: i32, sequence: u32) -> Vec<u8> {
        let mut body = code.to_ne_bytes().to_vec();
        body.extend_from_slice(&[0; 8]);
        body.extend_from_slice(&sequence.to_ne_bytes());
        body.extend_from_slice(&[0; 4]);
        message(ERROR, &body)
    }

    #[test]
    fn a_datagram_of_several() {
        let mut bytes = acknowledged(0, 1);
        bytes.extend(acknowledged(-1, 2));
        bytes.extend(message(SUBSYSTEM << 8 | 6, &[1, 0, 0, 0, 9, 9]));
        bytes.extend(message(DONE, &[0; 4]));
        let replies = read(&bytes).expect("it is whole");
        assert!(matches!(&replies[0], Reply::Acknowledged(1, Ok(()))));
        assert!(
            matches!(&replies[1], Reply::Acknowledged(2, Err(error)) if error.kind() == io::ErrorKind::PermissionDenied)
        );
        assert!(matches!(&replies[2], Reply::Part(6, [9, 9])));
        assert!(matches!(&replies[3], Reply::Done));
        for at in 1..bytes.len() {
            // Some cuts fall between two messages; no cut may do harm.
            drop(read(&bytes[..at]));
        }
        assert!(read(&[0; 32]).is_err(), "a length of 0 does not go on for ever");
    }
}
