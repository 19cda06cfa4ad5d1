//! Makes certificates: names, extensions in OpenSSL's words, signature. Not for reading them (x509.rs) nor for scripts'
//! arguments (certificate.rs). Source: RFC 5280 section 4.1 and 4.2; OpenSSL's x509v3_config(5) for the words.

use super::der::{self, element, sequence};
use super::x509;
use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use std::net::IpAddr;
use std::time::SystemTime;

/// What a certificate is to say.
pub(crate) struct Order<'a> {
    /// Parts of the subject's name.
    pub subject: &'a [(String, String)],
    /// Names and values of extensions.
    pub extensions: &'a [(String, String)],
    /// Days from `start` to the end.
    pub days: f64,
    /// Start of validity: seconds from now.
    pub offset: f64,
    /// The issuer's certificate, DER; None: the subject itself.
    pub issuer: Option<&'a [u8]>,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: &'a [u8],
    /// The issuer's.
    pub key: &'a dyn SigningKey,
}

/// Schemes of signature, with the AlgorithmIdentifier that a certificate names them by (its contents, DER).
const SCHEMES: [(SignatureScheme, rustls_pki_types::AlgorithmIdentifier); 4] = {
    use rustls_pki_types::alg_id;
    [
        (SignatureScheme::ECDSA_NISTP256_SHA256, alg_id::ECDSA_SHA256),
        (SignatureScheme::ECDSA_NISTP384_SHA384, alg_id::ECDSA_SHA384),
        (SignatureScheme::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA256),
        (SignatureScheme::ED25519, alg_id::ED25519),
    ]
};

/// A certificate, DER.
///
/// # Errors  What of the order cannot be, in words.
pub(crate) fn issue(order: &Order<'_>) -> Result<Vec<u8>, String> {
    let (scheme, algorithm) = SCHEMES
        .iter()
        .find_map(|(scheme, algorithm)| Some((order.key.choose_scheme(&[*scheme])?, algorithm)))
        .ok_or("the private key cannot sign certificates")?;
    let algorithm = element(der::SEQUENCE, algorithm);
    let subject = name(order.subject)?;
    let issuer = match order.issuer {
        None => subject.clone(),
        Some(issuer) => element(
            der::SEQUENCE,
            x509::subject_der(issuer).ok_or("the issuer's certificate cannot be read")?,
        ),
    };
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0.0, |since| since.as_secs_f64());
    let start = now + order.offset;
    let end = start + order.days * 86_400.0;
    let validity = sequence(&[&time(start)?, &time(end)?]);
    let mut serial = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut serial)
        .map_err(|_| "the system gave no random bytes")?;
    // RFC 5280 4.1.2.2: positive, at most 20 bytes.
    serial[0] = serial[0] & 0x7f | 0x40;
    let version = element(0xa0, &der::unsigned(&[2]));
    let extensions = extensions(order)?;
    let body = sequence(&[
        &version,
        &der::unsigned(&serial),
        &algorithm,
        &issuer,
        &validity,
        &subject,
        order.public_key,
        &extensions,
    ]);
    let signature = scheme.sign(&body).map_err(|error| format!("cannot sign: {error}"))?;
    Ok(sequence(&[&body, &algorithm, &der::bits(&signature)]))
}

/// A Name of one RDN a part, in the given order.
fn name(parts: &[(String, String)]) -> Result<Vec<u8>, String> {
    let mut sets = Vec::new();
    for (kind, value) in parts {
        let oid = x509::attribute_oid(kind).ok_or_else(|| {
            format!("subject.{kind} is unknown; write CN, O, OU, C, ST, L or an OID as dotted numbers")
        })?;
        let tag = match kind.as_str() {
            "C" | "countryName" if value.len() != 2 => {
                return Err(format!("subject.C '{value}': a country has two letters"));
            }
            "C" | "countryName" | "serialNumber" => der::PRINTABLE,
            "DC" | "domainComponent" | "emailAddress" => der::IA5,
            _ => der::UTF8,
        };
        if tag != der::UTF8 && !value.is_ascii() {
            return Err(format!("subject.{kind} '{value}': only ASCII"));
        }
        let pair = sequence(&[&oid, &element(tag, value.as_bytes())]);
        sets.extend(element(der::SET, &pair));
    }
    Ok(element(der::SEQUENCE, &sets))
}

/// RFC 5280 4.1.2.5: two digits of the year until 2049, four from then on.
fn time(seconds: f64) -> Result<Vec<u8>, String> {
    // Until 9999-12-31.
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return Err("days and timeOffset end beyond what a certificate can say".to_owned());
    }
    let seconds = seconds as i64;
    let (year, month, day) = x509::date(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let clock = format!("{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
    Ok(if year < 2050 {
        element(
            der::UTC_TIME,
            format!("{:02}{month:02}{day:02}{clock}", year % 100).as_bytes(),
        )
    } else {
        element(
            der::GENERALIZED_TIME,
            format!("{year:04}{month:02}{day:02}{clock}").as_bytes(),
        )
    })
}

fn extensions(order: &Order<'_>) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for (name, value) in order.extensions {
        let (is_critical, value) = match value.trim().strip_prefix("critical") {
            Some(rest) if rest.trim_start().starts_with(',') => {
                (true, rest.trim_start().trim_start_matches(',').trim())
            }
            _ => (false, value.trim()),
        };
        let (oid, contents) = extension(name, value, order)?;
        let oid = der::oid(oid).unwrap_or_default();
        let critical = if is_critical {
            element(der::BOOLEAN, &[0xff])
        } else {
            Vec::new()
        };
        all.extend(sequence(&[&oid, &critical, &element(der::OCTETS, &contents)]));
    }
    if all.is_empty() {
        return Ok(Vec::new());
    }
    Ok(element(0xa3, &element(der::SEQUENCE, &all)))
}

/// OID and contents.
fn extension(name: &str, value: &str, order: &Order<'_>) -> Result<(&'static str, Vec<u8>), String> {
    let wrong = |what: &str| format!("extensions.{name} '{value}': {what}");
    Ok(match name {
        "subjectAltName" => ("2.5.29.17", alternative_names(value).map_err(|what| wrong(&what))?),
        "basicConstraints" => (
            "2.5.29.19",
            constraints(value).ok_or_else(|| wrong("write CA:TRUE, CA:FALSE, pathlen:N"))?,
        ),
        "keyUsage" => ("2.5.29.15", key_usage(value).map_err(|what| wrong(&what))?),
        "extendedKeyUsage" => ("2.5.29.37", extended_usage(value).map_err(|what| wrong(&what))?),
        "subjectKeyIdentifier" if value == "hash" => {
            let id = x509::key_id(order.public_key).ok_or_else(|| wrong("the public key cannot be read"))?;
            ("2.5.29.14", element(der::OCTETS, &id))
        }
        "authorityKeyIdentifier" if value.starts_with("keyid") => {
            let id = order
                .key
                .public_key()
                .and_then(|key| x509::key_id(&key))
                .ok_or_else(|| wrong("the private key does not tell its public key"))?;
            ("2.5.29.35", sequence(&[&element(0x80, &id)]))
        }
        "subjectKeyIdentifier" => return Err(wrong("write 'hash'")),
        "authorityKeyIdentifier" => return Err(wrong("write 'keyid'")),
        _ => {
            return Err(format!(
                "extensions.{name} is unknown; known: subjectAltName, basicConstraints, keyUsage, extendedKeyUsage, \
                 subjectKeyIdentifier, authorityKeyIdentifier"
            ));
        }
    })
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn alternative_names(value: &str) -> Result<Vec<u8>, String> {
    let mut names = Vec::new();
    for word in words(value) {
        let (kind, text) = word.split_once(':').unwrap_or(("", word));
        if !text.is_ascii() {
            return Err("only ASCII".to_owned());
        }
        names.extend(match kind {
            "email" => element(0x81, text.as_bytes()),
            "DNS" => element(0x82, text.as_bytes()),
            "URI" => element(0x86, text.as_bytes()),
            "IP" | "IP Address" => match text.parse() {
                Ok(IpAddr::V4(address)) => element(0x87, &address.octets()),
                Ok(IpAddr::V6(address)) => element(0x87, &address.octets()),
                Err(_) => return Err(format!("'{text}' is not an address")),
            },
            _ => return Err("write DNS:name, IP:address, email:address or URI:uri".to_owned()),
        });
    }
    Ok(element(der::SEQUENCE, &names))
}

fn constraints(value: &str) -> Option<Vec<u8>> {
    let (mut authority, mut length) = (Vec::new(), Vec::new());
    for word in words(value) {
        match word.split_once(':')? {
            ("CA", flag) if flag.eq_ignore_ascii_case("true") => authority = element(der::BOOLEAN, &[0xff]),
            ("CA", flag) if flag.eq_ignore_ascii_case("false") => {}
            ("pathlen", number) => length = der::unsigned(&number.parse::<u32>().ok()?.to_be_bytes()),
            _ => return None,
        }
    }
    Some(sequence(&[&authority, &length]))
}

/// RFC 5280 4.2.1.3: by the number of their bit.
const USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

fn key_usage(value: &str) -> Result<Vec<u8>, String> {
    let mut bits = 0u16;
    for word in words(value) {
        let bit = USAGES.iter().position(|usage| *usage == word);
        bits |= 0x8000 >> bit.ok_or_else(|| format!("'{word}' is unknown; known: {}", USAGES.join(", ")))?;
    }
    // A list of named bits: without the zeros at its end (X.690 11.2.2).
    let count = 16 - bits.trailing_zeros().min(16);
    let bytes = bits.to_be_bytes();
    let used = bytes.split_at((count as usize).div_ceil(8)).0;
    let unused = (used.len() as u32 * 8 - count) as u8;
    Ok(element(der::BITS, &[&[unused], used].concat()))
}

/// RFC 5280 4.2.1.12.
const PURPOSES: [(&str, &str); 6] = [
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
    ("codeSigning", "1.3.6.1.5.5.7.3.3"),
    ("emailProtection", "1.3.6.1.5.5.7.3.4"),
    ("timeStamping", "1.3.6.1.5.5.7.3.8"),
    ("OCSPSigning", "1.3.6.1.5.5.7.3.9"),
];

fn extended_usage(value: &str) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for word in words(value) {
        let known = PURPOSES.iter().find(|(name, _)| *name == word);
        let oid = der::oid(known.map_or(word, |(_, oid)| oid));
        all.extend(oid.ok_or_else(|| format!("'{word}' is neither a known purpose nor an OID"))?);
    }
    Ok(element(der::SEQUENCE, &all))
}

#[cfg(test)]
mod tests {
    use super::{constraints, key_usage, time};

    #[test]
    fn parts_of_certificates() {
        // X.690 11.2.2 and 8.6: keyCertSign and cRLSign are bits 5 and 6; decipherOnly is bit 8.
        for (value, expected) in [
            ("keyCertSign, cRLSign", &[3, 2, 1, 0b0000_0110][..]),
            ("digitalSignature", &[3, 2, 7, 0b1000_0000]),
            ("digitalSignature,decipherOnly", &[3, 3, 7, 0x80, 0x80]),
            ("", &[3, 1, 0]),
        ] {
            assert_eq!(key_usage(value).as_deref(), Ok(expected), "{value}");
        }
        assert!(key_usage("sign").is_err());
        for (value, expected) in [
            ("CA:TRUE", Some(&[0x30, 3, 1, 1, 0xff][..])),
            ("CA:FALSE", Some(&[0x30, 0])),
            ("CA:true, pathlen:0", Some(&[0x30, 6, 1, 1, 0xff, 2, 1, 0])),
            ("TRUE", None),
        ] {
            assert_eq!(constraints(value).as_deref(), expected, "{value}");
        }
        for (seconds, expected) in [
            (0.0, "700101000000Z"),
            (951_825_600.0, "000229120000Z"),
            (2_524_607_999.0, "491231235959Z"),
            (2_524_608_000.0, "20500101000000Z"),
        ] {
            let got = time(seconds).expect("in range");
            assert_eq!(&got[2..], expected.as_bytes(), "{seconds}");
        }
        assert!(time(-1.0).is_err() && time(f64::NAN).is_err() && time(1e18).is_err());
    }
}
