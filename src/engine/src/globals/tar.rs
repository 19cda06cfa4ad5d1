//! Files of a tar archive, packed by gzip or not: for `http.Directory` with `tarball`. Plain files only; what is no archive, or is cut
//! off, is an error. Source: POSIX.1-2024 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format"
//! (long names).

use crate::limits;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::io::Read;

const BLOCK: usize = 512;

/// Contents by path; paths begin with a slash and have no dots in them.
///
/// # Errors  What is wrong with the archive.
pub(super) fn files(archive: Bytes) -> Result<BTreeMap<String, Bytes>, String> {
    let mut archive = unpacked(archive)?;
    let mut files = BTreeMap::new();
    let mut long_name = None;
    loop {
        if archive.len() < BLOCK {
            // Some end without the two empty blocks.
            return match archive.is_empty() {
                true => Ok(files),
                false => Err("it is cut off".to_owned()),
            };
        }
        let header = archive.split_to(BLOCK);
        if header.iter().all(|byte| *byte == 0) {
            return Ok(files);
        }
        let field = |from: usize, len: usize| header.get(from..from + len).unwrap_or_default();
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        let sum = sum - field(148, 8).iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ');
        if octal(field(148, 8)) != Some(sum) {
            return Err("a header has a wrong checksum; is it a tar archive?".to_owned());
        }
        let size = octal(field(124, 12)).and_then(|size| usize::try_from(size).ok());
        let size = size.filter(|size| size.next_multiple_of(BLOCK) <= archive.len());
        let Some(size) = size else {
            return Err("it is cut off".to_owned());
        };
        let mut contents = archive.split_to(size.next_multiple_of(BLOCK));
        contents.truncate(size);
        match header.get(156) {
            Some(b'0' | 0) => {
                let name = long_name.take().unwrap_or_else(|| {
                    // GNU's own format has other things there, and blanks behind the word.
                    let prefix = if field(257, 6) == b"ustar\0" {
                        text(field(345, 155))
                    } else {
                        String::new()
                    };
                    format!("{prefix}/{}", text(field(0, 100)))
                });
                if files.len() >= limits::TAR_FILES {
                    return Err(format!("it has more than {} files", limits::TAR_FILES));
                }
                let parts = name.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
                files.insert(parts.fold(String::new(), |path, part| path + "/" + part), contents);
            }
            Some(b'L') => long_name = Some(text(&contents)),
            Some(b'x') => long_name = pax_path(&contents).or(long_name),
            // Folders, links, devices.
            _ => long_name = None,
        }
    }
}

fn unpacked(archive: Bytes) -> Result<Bytes, String> {
    if !archive.starts_with(&[0x1f, 0x8b]) {
        return Ok(archive);
    }
    let mut plain = Vec::new();
    let most = limits::DIRECTORY_FILE_BYTES;
    let read = MultiGzDecoder::new(&*archive).take(most + 1).read_to_end(&mut plain);
    match read {
        Err(error) => Err(error.to_string()),
        Ok(_) if plain.len() as u64 > most => Err(format!("it is longer than {most} bytes unpacked")),
        Ok(_) => Ok(plain.into()),
    }
}

/// Up to the first zero byte.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = text(field);
    match text.trim() {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// The record `path`: `LENGTH path=NAME\n`.
fn pax_path(records: &[u8]) -> Option<String> {
    let mut rest = records;
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(rest.get(..blank)?).ok()?.parse().ok()?;
        let record = rest.get(blank + 1..length)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(text(path).trim_end_matches('\n').to_owned());
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, files};
    use bytes::Bytes;

    /// A member of an archive, as the table of the format has it.
    fn member(name: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
        let mut header = vec![0u8; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        seal(&mut header);
        let mut all = [&header[..], contents].concat();
        all.resize(all.len().next_multiple_of(BLOCK), 0);
        all
    }

    fn seal(header: &mut [u8]) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }

    #[test]
    fn times_of_gnu_are_no_folder() {
        let mut archive = member("a", b'0', b"");
        archive[257..265].copy_from_slice(b"ustar  \0");
        archive[345..357].copy_from_slice(b"14712345670\0");
        seal(&mut archive[..BLOCK]);
        let all = files(Bytes::from(archive)).expect("it is one");
        assert_eq!(all.keys().collect::<Vec<_>>(), ["/a"]);
    }

    #[test]
    fn members() {
        let end = vec![0u8; 2 * BLOCK];
        let long = "d/".repeat(60) + "f";
        let archive = [
            member("./a.txt", b'0', b"one"),
            member("dir/", b'5', b""),
            member("dir/../b", 0, &[b'x'; 600]),
            member("././@LongLink", b'L', long.as_bytes()),
            member("cut", b'0', b"long"),
            member("pax", b'x', b"8 a=bcd\n12 path=p/q\n"),
            member("short", b'0', b"pax"),
            member("link", b'2', b""),
            end,
        ]
        .concat();
        let all = files(Bytes::from(archive.clone())).expect("it is one");
        let found: Vec<(&str, usize)> = all.iter().map(|(name, bytes)| (name.as_str(), bytes.len())).collect();
        let long = format!("/{long}");
        assert_eq!(found, [("/a.txt", 3), (long.as_str(), 4), ("/dir/b", 600), ("/p/q", 3)]);
        for cut in [1, BLOCK, BLOCK + 3] {
            let cut = Bytes::copy_from_slice(&archive[..cut]);
            assert_eq!(files(cut), Err("it is cut off".to_owned()));
        }
        let other = Bytes::from(vec![b'x'; BLOCK]);
        assert!(files(other).is_err_and(|error| error.contains("checksum")));
    }
}
