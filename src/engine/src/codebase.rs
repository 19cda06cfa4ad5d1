//! An immutable snapshot of a codebase, as a Source delivered it and as all workers share it.
//! Not for fetching (the agent) nor for running (script/).

use bytes::Bytes;
use std::collections::BTreeMap;

/// A set of files under one version. Paths start with `/` (pipyjs/repo.md section 1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codebase {
    /// The version as its origin names it (an etag for a Repo).
    pub version: String,
    /// Path of the script that runs first, for example `/main.js`.
    pub main: String,
    /// Path → contents.
    pub files: BTreeMap<String, Bytes>,
}

impl Codebase {
    /// The contents of `path`, which may lack the leading slash or hold `.` and `..`; never leaves the codebase.
    pub fn get(&self, path: &str) -> Option<&Bytes> {
        self.files.get(&normalize(path))
    }
}

/// `a/./b/../c` → `/a/c`; `..` at the top is dropped. Source: pipyjs/repo.md section 1 ("normalised to a leading /").
pub(crate) fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let mut all = String::with_capacity(path.len() + 1);
    for part in &parts {
        all.push('/');
        all.push_str(part);
    }
    if all.is_empty() {
        all.push('/');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn paths_stay_inside() {
        for (path, expected) in [
            ("a.js", "/a.js"),
            ("/a//b", "/a/b"),
            ("./x/../y", "/y"),
            ("../../etc/passwd", "/etc/passwd"),
            ("", "/"),
        ] {
            assert_eq!(normalize(path), expected, "{path}");
        }
    }
}
