//! Who may write. Reads and status reports of workers need nothing (they come from Pods, which hold no secret).

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::{App, text, with};
use crate::config::Writers;

/// `None`: go on. Otherwise the answer.
pub(super) fn refuse_writer(app: &App, headers: &HeaderMap) -> Option<Response> {
    match &app.writers {
        Writers::Nobody => Some(text(
            StatusCode::FORBIDDEN,
            "This repo takes no writes: start it with BALLAST_REPO_TOKEN, --token-file or --dev",
        )),
        // A page in a browser on this machine could otherwise write.
        Writers::Anybody if headers.contains_key(header::ORIGIN) => {
            Some(text(StatusCode::FORBIDDEN, "No writes from web pages"))
        }
        Writers::Anybody => None,
        Writers::Token(token) => {
            let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            if given
                .and_then(bearer)
                .is_some_and(|given| is_equal(given.as_bytes(), token.as_bytes()))
            {
                return None;
            }
            let answer = text(
                StatusCode::UNAUTHORIZED,
                "Writes need the token: Authorization: Bearer ...",
            );
            Some(with(answer, header::WWW_AUTHENTICATE, "Bearer"))
        }
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes the same time wherever the two differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let rows = [
            ("Bearer t", Some("t")),
            ("bearer  t ", Some("t")),
            ("Basic t", None),
            ("Bearer", None),
            ("t", None),
        ];
        for (value, wanted) in rows {
            assert_eq!(bearer(value), wanted, "{value}");
        }
        assert!(is_equal(b"a", b"a") && !is_equal(b"a", b"b") && !is_equal(b"a", b"ab") && !is_equal(b"", b"b"));
    }
}
