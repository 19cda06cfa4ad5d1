//! What the kernel answers: a walk over the messages of one datagram, sans-I/O.

use std::io;

use super::numbers::SUBSYSTEM;

/// NLMSG_ERROR and NLMSG_DONE.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// NLM_F_DUMP_INTR: what is listed changed meanwhile.
const DUMP_INTERRUPTED: u16 = 0x10;
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
    /// The last of a dump: whether it was whole, and the same from its beginning to its end.
    Done(io::Result<()>),
}

/// The messages of a datagram.
///
/// # Errors  A static word for what no kernel sends.
pub(crate) fn read(mut bytes: &[u8]) -> Result<Vec<Reply<'_>>, &'static str> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(number(bytes, 0)?).map_err(|_| "a length")?;
        let body = bytes.get(HEADER..length).ok_or("a message longer than its datagram")?;
        let kind = half(bytes, 4)?;
        let is_interrupted = half(bytes, 6)? & DUMP_INTERRUPTED != 0;
        match kind {
            ERROR => {
                // The head of the message that it is about follows.
                replies.push(Reply::Acknowledged(number(body, 4 + 8)?, outcome(number(body, 0)?)));
            }
            DONE if is_interrupted => replies.push(Reply::Done(Err(io::ErrorKind::Interrupted.into()))),
            // Without a body it ends a list as the oldest kernels do.
            DONE if body.is_empty() => replies.push(Reply::Done(Ok(()))),
            DONE => replies.push(Reply::Done(outcome(number(body, 0)?))),
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

/// 0, or a negative errno.
fn outcome(code: u32) -> io::Result<()> {
    match code.cast_signed() {
        code @ ..0 => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        _ => Ok(()),
    }
}

fn half(bytes: &[u8], at: usize) -> Result<u16, &'static str> {
    let bytes = bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u16::from_ne_bytes).ok_or("a head that is cut off")
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
        assert!(matches!(&replies[3], Reply::Done(Ok(()))));
        for at in 1..bytes.len() {
            // Some cuts fall between two messages; no cut may do harm.
            drop(read(&bytes[..at]));
        }
        let failed = message(DONE, &(-12i32).to_ne_bytes());
        let replies = read(&failed).expect("it is whole");
        assert!(matches!(&replies[0], Reply::Done(Err(error)) if error.raw_os_error() == Some(12)));
        let mut changed = message(DONE, &[0; 4]);
        changed[6..8].copy_from_slice(&DUMP_INTERRUPTED.to_ne_bytes());
        let replies = read(&changed).expect("it is whole");
        assert!(matches!(&replies[0], Reply::Done(Err(error)) if error.kind() == io::ErrorKind::Interrupted));
        assert!(read(&[0; 32]).is_err(), "a length of 0 does not go on for ever");
    }
}
