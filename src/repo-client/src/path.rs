//! Which names of codebases and which paths of files are allowed, in their one normal form: a leading slash, no empty, `.`
//! or `..` segment, no control character, no backslash. Names are case-sensitive. Source: Repo protocol sections 3 and 4.

use crate::limits::{MAX_NAME_BYTES, MAX_PATH_BYTES};

/// Why a name or path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// It has more bytes than [`MAX_NAME_BYTES`] or [`MAX_PATH_BYTES`].
    #[error("it is too long")]
    TooLong,
    /// A segment is empty, `.` or `..`.
    #[error("a segment is empty, . or ..")]
    Segment,
    /// It holds a control character, a backslash, `#` or `?`.
    #[error("it holds a control character, backslash, # or ?")]
    Character,
}

/// The normal form of a codebase name: `pod/shop/web-0`, `/pod/shop/web-0/` → `/pod/shop/web-0`.
///
/// # Errors
/// What is wrong with it.
pub fn codebase_name(name: &str) -> Result<String, Invalid> {
    let inner = name.strip_prefix('/').unwrap_or(name);
    normal(inner.strip_suffix('/').unwrap_or(inner), MAX_NAME_BYTES)
}

/// The normal form of a file path: `main.js` → `/main.js`. A trailing slash names no file.
///
/// # Errors
/// What is wrong with it.
pub fn file_path(path: &str) -> Result<String, Invalid> {
    normal(path.strip_prefix('/').unwrap_or(path), MAX_PATH_BYTES)
}

fn normal(inner: &str, max_bytes: usize) -> Result<String, Invalid> {
    if inner.is_empty() {
        return Err(Invalid::Empty);
    }
    if inner.len() + 1 > max_bytes {
        return Err(Invalid::TooLong);
    }
    if inner.chars().any(|c| c.is_control() || matches!(c, '\\' | '#' | '?')) {
        return Err(Invalid::Character);
    }
    if inner.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Invalid::Segment);
    }
    Ok(format!("/{inner}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(MAX_NAME_BYTES);
        let rows: [(&str, Result<&str, Invalid>); 12] = [
            ("a", Ok("/a")),
            ("/a/b", Ok("/a/b")),
            ("a/b/", Ok("/a/b")),
            ("sidecar/default.bookbuyer", Ok("/sidecar/default.bookbuyer")),
            ("", Err(Invalid::Empty)),
            ("/", Err(Invalid::Empty)),
            ("a//b", Err(Invalid::Segment)),
            ("a/../b", Err(Invalid::Segment)),
            ("./a", Err(Invalid::Segment)),
            ("a\\b", Err(Invalid::Character)),
            ("a\nb", Err(Invalid::Character)),
            (&long, Err(Invalid::TooLong)),
        ];
        for (name, wanted) in rows {
            assert_eq!(codebase_name(name), wanted.map(str::to_owned), "{name:?}");
        }
    }

    #[test]
    fn files() {
        let rows: [(&str, Result<&str, Invalid>); 7] = [
            ("main.js", Ok("/main.js")),
            ("/config/pod.json", Ok("/config/pod.json")),
            ("/a..b/c.js", Ok("/a..b/c.js")),
            ("dir/", Err(Invalid::Segment)),
            ("/../etc/passwd", Err(Invalid::Segment)),
            ("//a", Err(Invalid::Segment)),
            ("a\0", Err(Invalid::Character)),
        ];
        for (path, wanted) in rows {
            assert_eq!(file_path(path), wanted.map(str::to_owned), "{path:?}");
        }
    }
}
