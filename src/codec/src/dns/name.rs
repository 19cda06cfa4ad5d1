//! Domain names: labels on the wire, text for people. Not for: IDNA, which is a matter of user interfaces.
//!
//! Source: RFC 1035 sections 3.1, 4.1.4 and 5.1.
use super::Error;
use std::collections::HashMap;

/// Longest name on the wire, with lengths and the root.
const MAX_NAME_BYTES: usize = 255;
const MAX_LABEL_BYTES: usize = 63;
/// Pointers of one name: one for each label that a name can have.
const MAX_POINTERS: usize = 127;
/// Pointers have 14 bits.
const MAX_OFFSET: usize = 0x3fff;

/// Reads the name at `at` of `message`; the text, and where it ends.
///
/// # Errors
/// `Short`, or `Name`. A pointer must go back: names end.
pub(super) fn decode(message: &[u8], at: usize) -> Result<(String, usize), Error> {
    let (mut text, mut at, mut end, mut pointers) = (String::new(), at, None, 0);
    let mut wire = 1;
    // A pointer leads to before the run of labels that it ends.
    let mut start = at;
    loop {
        let len = usize::from(*message.get(at).ok_or(Error::Short)?);
        match len {
            0 => return Ok((text, end.unwrap_or(at + 1))),
            1..=MAX_LABEL_BYTES => {
                wire += len + 1;
                if wire > MAX_NAME_BYTES {
                    return Err(Error::Name);
                }
                let label = message.get(at + 1..at + 1 + len).ok_or(Error::Short)?;
                if !text.is_empty() {
                    text.push('.');
                }
                label.iter().for_each(|byte| escape(*byte, &mut text));
                at += 1 + len;
            }
            0xc0.. => {
                let low = usize::from(*message.get(at + 1).ok_or(Error::Short)?);
                let to = (len & 0x3f) << 8 | low;
                pointers += 1;
                if to >= start || pointers > MAX_POINTERS {
                    return Err(Error::Name);
                }
                end = end.or(Some(at + 2));
                (at, start) = (to, to);
            }
            _ => return Err(Error::Name),
        }
    }
}

fn escape(byte: u8, text: &mut String) {
    match byte {
        b'.' | b'\\' => {
            text.push('\\');
            text.push(char::from(byte));
        }
        0x21..=0x7e => text.push(char::from(byte)),
        _ => {
            text.push('\\');
            for digit in [byte / 100, byte / 10 % 10, byte % 10] {
                text.push(char::from(b'0' + digit));
            }
        }
    }
}

/// The labels of a text.
fn labels(text: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut labels = Vec::new();
    if matches!(text, "" | ".") {
        return Ok(labels);
    }
    let (mut label, mut bytes, mut wire) = (Vec::new(), text.bytes().peekable(), 1);
    loop {
        let next = bytes.next();
        match next {
            None | Some(b'.') => {
                if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                    return Err(Error::Name);
                }
                wire += label.len() + 1;
                if wire > MAX_NAME_BYTES {
                    return Err(Error::Name);
                }
                labels.push(std::mem::take(&mut label));
                if next.is_none() || bytes.peek().is_none() {
                    return Ok(labels);
                }
            }
            Some(b'\\') => {
                let first = bytes.next().ok_or(Error::Name)?;
                if !first.is_ascii_digit() {
                    label.push(first);
                    continue;
                }
                let mut number = u32::from(first - b'0');
                for _ in 0..2 {
                    let digit = bytes.next().filter(u8::is_ascii_digit).ok_or(Error::Name)?;
                    number = number * 10 + u32::from(digit - b'0');
                }
                label.push(u8::try_from(number).map_err(|_| Error::Name)?);
            }
            Some(byte) => label.push(byte),
        }
    }
}

/// Where ends of names already stand in a message.
#[derive(Default)]
pub(super) struct Places(HashMap<Vec<Vec<u8>>, usize>);

impl Places {
    /// Appends a name to `message`, with a pointer to an earlier one that ends the same.
    ///
    /// # Errors
    /// `Name` for text that is no name.
    pub(super) fn encode(&mut self, text: &str, message: &mut Vec<u8>) -> Result<(), Error> {
        let labels = labels(text)?;
        for (index, label) in labels.iter().enumerate() {
            let tail = labels.get(index..).unwrap_or_default();
            if let Some(at) = self.0.get(tail) {
                let pointer = 0xc000 | u16::try_from(*at).unwrap_or_default();
                message.extend_from_slice(&pointer.to_be_bytes());
                return Ok(());
            }
            if message.len() <= MAX_OFFSET {
                self.0.insert(tail.to_vec(), message.len());
            }
            put(label, message);
        }
        message.push(0);
        Ok(())
    }
}

/// Appends a name to `message` as it is.
///
/// # Errors
/// `Name` for text that is no name.
pub(super) fn encode_plain(text: &str, message: &mut Vec<u8>) -> Result<(), Error> {
    labels(text)?.iter().for_each(|label| put(label, message));
    message.push(0);
    Ok(())
}

fn put(label: &[u8], message: &mut Vec<u8>) {
    message.push(u8::try_from(label.len()).unwrap_or_default());
    message.extend_from_slice(label);
}
