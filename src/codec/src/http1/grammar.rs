//! The few rules of HTTP's grammar that more than one file needs.
//!
//! Source: RFC 9110 5.5, 5.6.2, 7.2; RFC 3986 3.2.

/// Whether `byte` may stand in a token (RFC 9110 5.6.2, tchar).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Whether `bytes` are a token: a header name, a method.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `byte` may stand in a field value or reason phrase: no control byte but HTAB; obs-text is let through.
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Whether `bytes` may be a field value.
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_value_byte(byte))
}

/// Whether `bytes` may be a request target: raw text without blanks and control bytes (pipyjs/http.md 1).
pub(crate) fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

/// `bytes` without blanks (SP, HTAB) at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether `bytes` are `uri-host [":" port]` of RFC 9110 7.2; empty is allowed there.
pub(crate) fn is_host(bytes: &[u8]) -> bool {
    let (host_ok, port) = match bytes.strip_prefix(b"[") {
        Some(literal) => match literal.iter().position(|&byte| byte == b']') {
            Some(end) => {
                let (address, rest) = literal.split_at(end);
                (
                    !address.is_empty() && address.iter().all(|&byte| byte == b':' || is_host_byte(byte)),
                    rest.get(1..).unwrap_or_default(),
                )
            }
            None => return false,
        },
        None => {
            let end = bytes.iter().position(|&byte| !IS_HOST[usize::from(byte)]);
            (true, bytes.get(end.unwrap_or(bytes.len())..).unwrap_or_default())
        }
    };
    host_ok
        && (port.is_empty()
            || port
                .strip_prefix(b":")
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit)))
}

/// `is_host_byte` of each byte: every request is asked for its host.
static IS_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_host_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Bytes of a registered name (RFC 3986 3.2.2): unreserved, sub-delims, and the percent sign.
const fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'
        | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}
