//! What scripts see of a certificate: names, alternative names, validity; and the parts that issuing and signing need.
//! Not for verification (webpki does that) nor for writing (der.rs).
//! Source: RFC 5280 section 4.1, X.690 (DER). Reads only; anything odd gives None, never a panic.

use super::der::{self, BITS, GENERALIZED_TIME, INTEGER, OCTETS, OID, SEQUENCE, SET, UTC_TIME};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::net::IpAddr;

/// The readable parts of a certificate.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Parts of the subject's name, for example ("CN", "example.com").
    pub subject: Vec<(String, String)>,
    /// Parts of the issuer's name.
    pub issuer: Vec<(String, String)>,
    /// Alternative names: DNS names, addresses, mail addresses and URIs as text.
    pub alt_names: Vec<String>,
    /// Start of validity, seconds since 1970.
    pub not_before: i64,
    /// End of validity, seconds since 1970.
    pub not_after: i64,
}

/// Reads a DER certificate; None when it is malformed.
pub(crate) fn parse(der: &[u8]) -> Option<Facts> {
    let mut body = to_names(der)?;
    let issuer = name(body.expect(SEQUENCE)?)?;
    let mut validity = Der(body.expect(SEQUENCE)?);
    let not_before = time(validity.next()?)?;
    let not_after = time(validity.next()?)?;
    let subject = name(body.expect(SEQUENCE)?)?;
    let mut alt_names = Vec::new();
    while let Some((tag, value)) = body.next() {
        if tag == CONTEXT_3 {
            extensions(value, &mut alt_names)?;
        }
    }
    Some(Facts {
        subject,
        issuer,
        alt_names,
        not_before,
        not_after,
    })
}

const BMP_STRING: u8 = 0x1e;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Elements one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Tag and contents of the next element.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (len, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long => {
                let count = usize::from(long & 0x7f);
                // Certificates are far below 2^32 bytes.
                if count == 0 || count > 4 {
                    return None;
                }
                let (digits, rest) = rest.split_at_checked(count)?;
                (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
            }
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, contents))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, contents)| contents)
    }
}

fn name(contents: &[u8]) -> Option<Vec<(String, String)>> {
    let mut parts = Vec::new();
    let mut sets = Der(contents);
    while let Some((tag, set)) = sets.next() {
        if tag != SET {
            return None;
        }
        let mut set = Der(set);
        while let Some((_, pair)) = set.next() {
            let mut pair = Der(pair);
            let kind = attribute(pair.expect(OID)?);
            let (tag, value) = pair.next()?;
            parts.push((kind, text(tag, value)));
        }
    }
    Some(parts)
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units: Vec<u16> = value
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(value).into_owned()
}

/// Parts of names: OID, short and long name as OpenSSL has them.
const ATTRIBUTES: [(&str, &str, &str); 14] = [
    ("2.5.4.3", "CN", "commonName"),
    ("2.5.4.4", "SN", "surname"),
    ("2.5.4.5", "serialNumber", "serialNumber"),
    ("2.5.4.6", "C", "countryName"),
    ("2.5.4.7", "L", "localityName"),
    ("2.5.4.8", "ST", "stateOrProvinceName"),
    ("2.5.4.9", "street", "streetAddress"),
    ("2.5.4.10", "O", "organizationName"),
    ("2.5.4.11", "OU", "organizationalUnitName"),
    ("2.5.4.12", "title", "title"),
    ("2.5.4.42", "GN", "givenName"),
    ("1.2.840.113549.1.9.1", "emailAddress", "emailAddress"),
    ("0.9.2342.19200300.100.1.25", "DC", "domainComponent"),
    ("0.9.2342.19200300.100.1.1", "UID", "userId"),
];

/// The short name of a part of a name, as OpenSSL prints it; others as dotted numbers.
fn attribute(oid: &[u8]) -> String {
    let dotted = dotted(oid);
    let known = ATTRIBUTES.iter().find(|(number, ..)| *number == dotted);
    known.map_or(dotted, |(_, short, _)| (*short).to_owned())
}

/// The OID of a part of a name, a DER element; None for an unknown word.
pub(crate) fn attribute_oid(kind: &str) -> Option<Vec<u8>> {
    let known = ATTRIBUTES
        .iter()
        .find(|(_, short, long)| *short == kind || *long == kind);
    der::oid(known.map_or(kind, |(number, ..)| number))
}

/// The subject of a certificate: contents of its Name.
pub(crate) fn subject_der(certificate: &[u8]) -> Option<&[u8]> {
    let mut body = to_names(certificate)?;
    body.expect(SEQUENCE)?;
    body.expect(SEQUENCE)?;
    body.expect(SEQUENCE)
}

/// Algorithm (contents of its identifier) and key (contents of the bit string) of a SubjectPublicKeyInfo.
pub(crate) fn public_key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = Der(Der(spki).expect(SEQUENCE)?);
    let algorithm = parts.expect(SEQUENCE)?;
    let (unused, key) = parts.expect(BITS)?.split_first()?;
    (*unused == 0).then_some((algorithm, key))
}

/// RFC 5280 4.2.1.2 (1): SHA-1 of the key's bits.
pub(crate) fn key_id(spki: &[u8]) -> Option<Vec<u8>> {
    let (_, key) = public_key(spki)?;
    Some(digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref().to_vec())
}

/// The SubjectPublicKeyInfo of a certificate.
pub(crate) fn spki(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut body = to_names(certificate)?;
    body.expect(SEQUENCE)?;
    body.expect(SEQUENCE)?;
    body.expect(SEQUENCE)?;
    Some(der::element(SEQUENCE, body.expect(SEQUENCE)?))
}

/// The rest of a certificate's body, from the issuer on.
fn to_names(certificate: &[u8]) -> Option<Der<'_>> {
    let mut certificate = Der(Der(certificate).expect(SEQUENCE)?);
    let mut body = Der(certificate.expect(SEQUENCE)?);
    if body.peek() == Some(CONTEXT_0) {
        body.next()?;
    }
    body.expect(INTEGER)?;
    body.expect(SEQUENCE)?;
    Some(body)
}

fn dotted(oid: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0u64;
    for byte in oid {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number -= first * 40;
            }
            numbers.push(number);
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn time((tag, value): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) if digits => {
            let year: i64 = text[..2].parse().ok()?;
            // RFC 5280 4.1.2.5.1: two digits from 50 on mean 19xx.
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        (GENERALIZED_TIME, 14) if digits => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |index: usize| rest.get(index * 2..index * 2 + 2)?.parse::<i64>().ok();
    let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Year, month and day of a number of days since 1970.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn extensions(contents: &[u8], names: &mut Vec<String>) -> Option<()> {
    let mut all = Der(Der(contents).expect(SEQUENCE)?);
    while let Some((_, extension)) = all.next() {
        let mut extension = Der(extension);
        if extension.expect(OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        let mut value = extension.next()?;
        if value.0 != OCTETS {
            // The critical flag.
            value = extension.next()?;
        }
        let mut general = Der(Der(value.1).expect(SEQUENCE)?);
        while let Some((tag, value)) = general.next() {
            match tag {
                0x81 | 0x82 | 0x86 => names.push(String::from_utf8_lossy(value).into_owned()),
                0x87 => names.extend(address(value)),
                _ => {}
            }
        }
    }
    Some(())
}

fn address(bytes: &[u8]) -> Option<String> {
    let ip: IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    Some(ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::{GENERALIZED_TIME, UTC_TIME, dotted, parse, time};

    #[test]
    fn times() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229120000Z", Some(951_825_600)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "20500101000000", None),
            (UTC_TIME, "20500101000000Z", None),
            (UTC_TIME, "70130100000xZ", None),
        ] {
            assert_eq!(time((tag, text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn unknown_parts_of_names_are_numbers() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
    }

    #[test]
    fn what_is_cut_short_is_none() {
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 0x05, 0x30],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80],
        ] {
            assert_eq!(parse(der), None, "{der:?}");
        }
    }
}
