//! What a request for the root of a codebase knows and how long it is ready to wait. Source: RFC 9110 (If-None-Match),
//! RFC 7240 (Prefer: wait, Preference-Applied); design.md 4.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use ballast_repo_client::limits::{MAX_WAIT, REVISION_HEADER};

/// The conditions of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Versions in If-None-Match; `None`: the client holds nothing.
    known: Option<Vec<String>>,
    revision: Option<u64>,
    /// Seconds granted; `None`: the answer is wanted at once.
    pub(super) wait: Option<u64>,
}

impl Conditions {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // The whole value too: a version may hold commas and quotes.
        let known = text(header::IF_NONE_MATCH.as_str())
            .map(|list| list.split(',').map(plain).chain([list.trim().to_owned()]).collect());
        Self {
            known,
            revision: text(REVISION_HEADER).and_then(|value| value.trim().parse().ok()),
            wait: text("prefer").and_then(wait),
        }
    }

    /// Whether the client holds something.
    pub(super) fn holds_any(&self) -> bool {
        self.known.is_some()
    }

    /// Whether what the client holds is this. Without a revision, the version decides alone.
    pub(super) fn holds(&self, version: &str, revision: u64) -> bool {
        let is_version = self
            .known
            .as_ref()
            .is_some_and(|known| known.iter().any(|one| one == version));
        is_version && self.revision.is_none_or(|held| held == revision)
    }

    /// How long to wait: up to a tenth less than granted, so that those who asked together come back apart.
    pub(super) fn patience(&self) -> Duration {
        let granted = Duration::from_secs(self.wait.unwrap_or(0));
        granted.mul_f64(1.0 - 0.1 * fastrand::f64())
    }
}

/// `W/"5"`, `"5"` and `5` are the same: upstream's versions go without quotes.
fn plain(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
}

fn wait(prefer: &str) -> Option<u64> {
    let value = prefer
        .split([',', ';'])
        .find_map(|one| one.trim().strip_prefix("wait=").map(str::trim))?;
    let seconds: u64 = value.trim_matches('"').parse().ok()?;
    (seconds > 0).then(|| seconds.min(MAX_WAIT.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(headers: &[(&'static str, &str)]) -> Conditions {
        Conditions::of(
            &headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
        )
    }

    #[test]
    fn what_a_client_holds() {
        type Headers = &'static [(&'static str, &'static str)];
        let rows: [(&str, Headers, bool); 9] = [
            ("nothing", &[], false),
            ("the version", &[("if-none-match", "5")], true),
            ("quoted", &[("if-none-match", "\"5\"")], true),
            ("weak, in a list", &[("if-none-match", "\"4\", W/\"5\"")], true),
            ("another", &[("if-none-match", "6")], false),
            (
                "and the revision",
                &[("if-none-match", "5"), ("ballast-revision", "9")],
                true,
            ),
            (
                "and another revision",
                &[("if-none-match", "5"), ("ballast-revision", "8")],
                false,
            ),
            ("a list without it", &[("if-none-match", "4, 6")], false),
            ("a revision alone", &[("ballast-revision", "9")], false),
        ];
        for (row, headers, wanted) in rows {
            assert_eq!(conditions(headers).holds("5", 9), wanted, "{row}");
        }
    }

    #[test]
    fn a_version_with_commas_and_quotes() {
        for version in ["a,b", "\"a\",b", "W/x"] {
            assert!(conditions(&[("if-none-match", version)]).holds(version, 1), "{version}");
        }
    }

    #[test]
    fn how_long_it_waits() {
        let rows = [
            ("wait=5", Some(5)),
            ("respond-async, wait=5", Some(5)),
            ("wait=9999", Some(300)),
            ("wait=0", None),
            ("wait=x", None),
        ];
        for (prefer, wanted) in rows {
            let conditions = conditions(&[("prefer", prefer)]);
            assert_eq!(conditions.wait, wanted, "{prefer}");
            let granted = Duration::from_secs(wanted.unwrap_or(0));
            assert!(conditions.patience() <= granted && conditions.patience() >= granted.mul_f64(0.89));
        }
    }
}
