//! The forms that a request target may have. What has none of them is refused, and so is an absolute one that contradicts `host`: two
//! readers would take it for different hosts.
//!
//! DEVIATES: CONNECT also takes a path, for scripts name the far end of their tunnels by one (test `targets`).
//! Source: RFC 9112 3.2; RFC 9110 4.2.4, 7.1, 9.3.6; RFC 3986 3.
use super::grammar::is_host;
use super::{Error, Method, RequestHead};

/// Checks a target that does not begin with a slash.
/// # Errors
/// `Target` for no form that the method has, `Host` when an absolute one and `host` differ.
pub(super) fn check(head: &RequestHead) -> Result<(), Error> {
    let target = &*head.target;
    match head.method {
        Method::Connect => match target.iter().rposition(|&byte| byte == b':') {
            Some(colon) if colon > 0 && colon + 1 < target.len() && is_host(target) => Ok(()),
            _ => Err(Error::Target),
        },
        Method::Options if target == b"*" => Ok(()),
        _ => {
            let (scheme, authority) = absolute(target).ok_or(Error::Target)?;
            match head.headers.get("host") {
                Some(host) if !is_same(scheme, authority, host) => Err(Error::Host),
                _ => Ok(()),
            }
        }
    }
}

/// Scheme and authority of `scheme://authority...`; None for anything else, also with a user name.
fn absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = target.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = target.split_at(colon);
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest = rest.strip_prefix(b"://").filter(|_| is_scheme)?;
    let end = rest
        .iter()
        .position(|&byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let authority = rest
        .get(..end)
        .filter(|authority| !authority.is_empty() && is_host(authority))?;
    Some((scheme, authority))
}

/// Whether both name one host and port, the scheme's own port being the same as none.
fn is_same(scheme: &[u8], authority: &[u8], host: &[u8]) -> bool {
    let own: &[u8] = match scheme {
        _ if scheme.eq_ignore_ascii_case(b"http") => b":80",
        _ if scheme.eq_ignore_ascii_case(b"https") => b":443",
        _ => b":",
    };
    let bare = |text: &[u8]| {
        text.strip_suffix(own)
            .or(text.strip_suffix(b":"))
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, RequestDecoder};
    use super::*;
    use crate::Chunks;

    #[track_caller]
    fn row(method: &str, target: &str, host: &str, expected: Option<Error>) {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut input = Chunks::new();
        input.push(text.clone().into());
        let got = RequestDecoder::new(Limits::default()).decode(&mut input).err();
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn targets() {
        row("GET", "/a?b=c", "x", None);
        row("GET", "//a", "x", None);
        row("GET", "a", "x", Some(Error::Target));
        row("GET", "?a", "x", Some(Error::Target));
        row("GET", "*", "x", Some(Error::Target));
        row("OPTIONS", "*", "x", None);
        row("OPTIONS", "**", "x", Some(Error::Target));
        row("GET", "http://x", "x", None);
        row("GET", "HTTP://X:80/a", "x", None);
        row("GET", "https://x/a", "x:443", None);
        row("GET", "http://x:8080/a", "x:8080", None);
        row("GET", "http://x:8080/a", "x", Some(Error::Host));
        row("GET", "http://y/a", "x", Some(Error::Host));
        row("GET", "http://u@x/a", "x", Some(Error::Target));
        row("GET", "http:///a", "x", Some(Error::Target));
        row("GET", "1ttp://x/", "x", Some(Error::Target));
        row("GET", "://x/", "x", Some(Error::Target));
        row("CONNECT", "x:443", "x", None);
        row("CONNECT", "[::1]:443", "x", None);
        row("CONNECT", "x", "x", Some(Error::Target));
        row("CONNECT", "x:", "x", Some(Error::Target));
        row("CONNECT", ":443", "x", Some(Error::Target));
        row("CONNECT", "http://x/", "x", Some(Error::Target));
        row("CONNECT", "/stream/1", "x", None);
    }
}
