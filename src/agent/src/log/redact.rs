//! Takes credentials out of a text before it is shown: user and password of URLs, values of Authorization headers.
//! Not for: secrets in other shapes, which nobody may log.

use std::borrow::Cow;

/// Schemes of an Authorization header, in lower case.
const SCHEMES: [&str; 2] = ["basic ", "bearer "];

/// `text` with `***` in place of credentials.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut done = 0;
    let mut at = 0;
    let lower = text.to_ascii_lowercase();
    while let Some(rest) = lower.get(at..).filter(|rest| !rest.is_empty()) {
        let secret = if rest.starts_with("://") {
            userinfo(text, at + 3)
        } else {
            token(&lower, at)
        };
        match secret {
            Some((from, to)) => {
                out.push_str(text.get(done..from).unwrap_or_default());
                out.push_str("***");
                (done, at) = (to, to);
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// From `from` to the last `@` of the authority that begins there.
fn userinfo(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let end = rest.find(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'') || c.is_whitespace());
    let authority = rest.get(..end.unwrap_or(rest.len()))?;
    let at = authority.rfind('@')?;
    (at > 0).then_some((from, from + at))
}

/// The word after an authentication scheme that begins at `at`, if it is long enough to be one.
fn token(lower: &str, at: usize) -> Option<(usize, usize)> {
    let rest = lower.get(at..)?;
    let before = lower.get(..at)?.chars().next_back();
    let scheme = SCHEMES.iter().find(|scheme| rest.starts_with(**scheme))?;
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let from = at + scheme.len();
    let word = lower.get(from..)?;
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)));
    let length = end.unwrap_or(word.len());
    (length >= 8).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn credentials_go() {
        for (text, expected) in [
            ("plain", "plain"),
            ("GET http://u:p@h:1/x", "GET http://***@h:1/x"),
            ("http://h:1/a@b", "http://h:1/a@b"),
            ("two http://a:b@c and https://d@e", "two http://***@c and https://***@e"),
            ("http://u:p@ss@h/", "http://***@h/"),
            ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic ***"),
            ("{\"a\":\"Bearer abc.def-ghi\"}", "{\"a\":\"Bearer ***\"}"),
            ("the basic idea", "the basic idea"),
            ("ü http://ü:ä@h/", "ü http://***@h/"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
