//! What a crash at any moment of a write leaves behind, and what fits.

use super::*;

fn snapshot(version: &str, content: &str) -> Snapshot {
    Snapshot {
        version: Version {
            etag: version.to_owned(),
            last_modified: String::new(),
            revision: 7,
        },
        main: "/main.js".to_owned(),
        files: BTreeMap::from([
            ("/main.js".to_owned(), Bytes::copy_from_slice(content.as_bytes())),
            ("/empty".to_owned(), Bytes::new()),
        ]),
    }
}

struct Memory(std::path::PathBuf);

impl Memory {
    fn new(name: &str, bytes: u64) -> Self {
        let path = std::env::temp_dir().join(format!("ballast-store-{name}-{}", std::process::id()));
        File::create(&path).unwrap().set_len(bytes).unwrap();
        Memory(path)
    }

    fn store(&self) -> Store {
        Store::open(&self.0).unwrap()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn keeps_the_newest() {
    let memory = Memory::new("newest", 4096);
    assert_eq!(memory.store().load(), None);
    for version in ["1", "2", "3"] {
        memory.store().save(&snapshot(version, version)).unwrap();
        assert_eq!(memory.store().load(), Some(snapshot(version, version)));
    }
    memory.store().clear().unwrap();
    assert_eq!(memory.store().load(), None);
}

#[test]
fn what_is_too_large_changes_nothing() {
    let memory = Memory::new("large", 4096);
    memory.store().save(&snapshot("1", "small")).unwrap();
    assert!(memory.store().save(&snapshot("2", &"x".repeat(4000))).is_err());
    assert_eq!(memory.store().load(), Some(snapshot("1", "small")));
}

/// Every prefix of the writes of a save, in their order, leaves the old snapshot; all of them the new one.
#[test]
fn a_crash_in_mid_write_leaves_the_old_one() {
    let memory = Memory::new("crash", 4096);
    memory.store().save(&snapshot("1", "one")).unwrap();
    memory.store().save(&snapshot("2", "two")).unwrap();
    let before = std::fs::read(&memory.0).unwrap();
    memory.store().save(&snapshot("3", "three")).unwrap();
    let after = std::fs::read(&memory.0).unwrap();
    // Slot 0 is written: header zeroed, content, header.
    let (header, content) = (64..96, 96..64 + (4096 - 64) / 2);
    let mut torn = before.clone();
    let expect = |bytes: &[u8], version: &str| {
        std::fs::write(&memory.0, bytes).unwrap();
        let loaded = memory.store().load().map(|snapshot| snapshot.version.etag);
        assert_eq!(loaded.as_deref(), Some(version));
    };
    torn[header.clone()].fill(0);
    expect(&torn, "2");
    for at in content {
        if torn[at] != after[at] {
            torn[at] = after[at];
            expect(&torn, "2");
        }
    }
    for at in header {
        torn[at] = after[at];
        expect(&torn, if torn == after { "3" } else { "2" });
    }
}

#[test]
fn broken_contents_are_no_snapshot() {
    let whole = encode(&snapshot("1", "content"));
    assert_eq!(decode(&whole), Some(snapshot("1", "content")));
    for length in 0..8 {
        assert_eq!(decode(&whole[..length]), None, "{length} bytes");
    }
    let mut long = whole.clone();
    long[8] = 255;
    assert_eq!(decode(&long), None, "a length beyond the end");
}

#[test]
fn tries_are_counted() {
    let memory = Memory::new("tries", 4096);
    assert_eq!(memory.store().tries(), 0);
    memory.store().set_tries(3).unwrap();
    assert_eq!(memory.store().tries(), 3);
}
