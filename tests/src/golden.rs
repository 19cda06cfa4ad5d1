//! Golden files: what a program says must be what a file in the repository says. `UPDATE_EXPECT=1` writes the files; the
//! diff is then read like code, for an expectation comes from a specification and not from what our program printed.

use std::path::Path;

/// Compares `actual` with the content of `expected`.
///
/// # Panics
/// When they differ; the message shows the first line that does.
#[track_caller]
pub fn check(expected: &Path, actual: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(expected, actual).unwrap_or_else(|e| panic!("write {}: {e}", expected.display()));
        return;
    }
    let wanted = std::fs::read_to_string(expected).unwrap_or_else(|e| panic!("read {}: {e}", expected.display()));
    if let Some(difference) = difference(&wanted, actual) {
        panic!("{} (UPDATE_EXPECT=1 rewrites it): {difference}", expected.display());
    }
}

fn difference(wanted: &str, actual: &str) -> Option<String> {
    if wanted == actual {
        return None;
    }
    let mut pairs = wanted.lines().zip(actual.lines()).enumerate();
    Some(match pairs.find(|(_, (w, a))| w != a) {
        Some((n, (w, a))) => format!("line {}:\n  expected {w:?}\n  got      {a:?}", n + 1),
        None => format!(
            "expected {} lines, got {} (or line ends differ)",
            wanted.lines().count(),
            actual.lines().count()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert!(difference("a\nb\n", "a\nc\n").unwrap().starts_with("line 2"));
        assert!(difference("a\n", "a\nb\n").unwrap().contains("got 2"));
        assert!(difference("a\n", "a").is_some());
    }
}
