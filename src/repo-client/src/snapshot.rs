//! A codebase in memory, and the three forms in which it comes: file list, single script, tar. Pure: bytes in, files out.
//! Source: Repo protocol section 1 (list and single-script form); design.md 4 (tar).

use std::collections::BTreeMap;
use std::io::Cursor;

use bytes::Bytes;

use crate::limits::{MAX_CODEBASE_BYTES, MAX_FILE_BYTES, MAX_FILES};
use crate::path::file_path;
use crate::worker::Version;

/// Path that a codebase of a single script is given.
pub(crate) const SINGLE_SCRIPT: &str = "/main.js";

/// All files of one version of a codebase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What to ask the next poll with.
    pub version: Version,
    /// Path of the main script. It may be absent from `files`; loading then fails.
    pub main: String,
    /// Content by path; every path has a leading slash.
    pub files: BTreeMap<String, Bytes>,
}

/// A file and its own version, as `_etags` lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// With a leading slash.
    pub path: String,
    /// Opaque; differs when the content does.
    pub version: String,
}

/// What the body of a codebase's root says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// Paths to fetch, main first.
    List(Vec<String>),
    /// The body is the only script.
    Script,
}

/// Tells list and script apart: a list starts with `/`, but not with `//` or `/*`, and is longer than 2 bytes.
pub(crate) fn root(body: &[u8]) -> Result<Root, String> {
    let is_list = body.len() > 2 && body.starts_with(b"/") && !body.starts_with(b"//") && !body.starts_with(b"/*");
    if !is_list {
        return Ok(Root::Script);
    }
    let text = std::str::from_utf8(body).map_err(|e| format!("the file list is not UTF-8: {e}"))?;
    let mut paths = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if paths.len() == MAX_FILES {
            return Err(format!("the file list names more than {MAX_FILES} files"));
        }
        let path = file_path(line).map_err(|e| format!("file list, {line:?}: {e}"))?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(Root::List(paths))
}

/// The files of a tar and the path of its first entry, the main script. Contents share the tar's memory.
pub(crate) fn untar(tar: &Bytes) -> Result<(String, BTreeMap<String, Bytes>), String> {
    let mut archive = tar::Archive::new(Cursor::new(&tar[..]));
    let mut files = BTreeMap::new();
    let mut main = None;
    let mut total = 0;
    for entry in archive.entries().map_err(|e| format!("tar: {e}"))? {
        let entry = entry.map_err(|e| format!("tar: {e}"))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path_bytes();
        let name = std::str::from_utf8(&name).map_err(|_| "tar: a name is not UTF-8".to_owned())?;
        let path = file_path(name).map_err(|e| format!("tar, {name:?}: {e}"))?;
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        total += size.min(MAX_CODEBASE_BYTES + 1);
        if size > MAX_FILE_BYTES || total > MAX_CODEBASE_BYTES || files.len() == MAX_FILES {
            return Err(format!("tar, {path}: file or codebase too large"));
        }
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let end = start.saturating_add(size);
        if end > tar.len() {
            return Err(format!("tar, {path}: cut short"));
        }
        main.get_or_insert_with(|| path.clone());
        files.insert(path, tar.slice(start..end));
    }
    Ok((main.ok_or("tar: no file in it")?, files))
}

/// Lines `path#version`.
pub(crate) fn etags(text: &str) -> Result<Vec<FileVersion>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .take(MAX_FILES)
        .map(|line| {
            let (path, version) = line.rsplit_once('#').ok_or_else(|| format!("_etags, {line:?}: no #"))?;
            let path = file_path(path).map_err(|e| format!("_etags, {path:?}: {e}"))?;
            Ok(FileVersion {
                path,
                version: version.to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_root() {
        let rows: [(&str, &str, Option<&[&str]>); 8] = [
            ("list", "/main.js\n/a/b.js\n", Some(&["/main.js", "/a/b.js"])),
            (
                "blank lines and blanks",
                "/main.js\n\n  /x.js \r\n",
                Some(&["/main.js", "/x.js"]),
            ),
            ("a name twice", "/main.js\n/main.js", Some(&["/main.js"])),
            ("line comment", "// hello\n", None),
            ("block comment", "/* hello */", None),
            ("two bytes", "/a", None),
            ("script", "pipy({})", None),
            ("empty", "", None),
        ];
        for (name, body, wanted) in rows {
            let wanted = wanted.map_or(Root::Script, |paths| {
                Root::List(paths.iter().map(|&path| path.to_owned()).collect())
            });
            assert_eq!(root(body.as_bytes()), Ok(wanted), "{name}");
        }
        assert!(root(b"/main.js\n/../x\n").is_err());
        assert!(root(b"/\xff\xff\xff").is_err());
    }

    fn tar_of(files: &[(&str, &[u8])]) -> Bytes {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, *content).unwrap();
        }
        builder.into_inner().unwrap().into()
    }

    #[test]
    fn tars() {
        let long = format!("{}/x.js", "d".repeat(150));
        let tar = tar_of(&[("z.js", b"1"), ("a/b.js", b""), (&long, b"22")]);
        let (main, files) = untar(&tar).unwrap();
        assert_eq!(main, "/z.js");
        assert_eq!(files.len(), 3);
        assert_eq!(files["/z.js"], "1");
        assert_eq!(files["/a/b.js"], "");
        assert_eq!(files[&format!("/{long}")], "22");
        assert!(untar(&tar.slice(..700)).is_err(), "cut short");
        assert!(untar(&Bytes::new()).is_err(), "empty");
        assert!(untar(&Bytes::from_static(&[0xff; 2048])).is_err(), "garbage");
    }

    #[test]
    fn etag_lists() {
        let list = etags("/a#b.js#7\n/c.js#x\n");
        assert!(list.is_err(), "# is not allowed in paths");
        let list = etags("/c.js#x\n\n").unwrap();
        assert_eq!((list[0].path.as_str(), list[0].version.as_str()), ("/c.js", "x"));
        assert!(etags("/c.js").is_err());
    }
}
