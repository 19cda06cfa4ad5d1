//! The store on disk, in redb: a batch is one transaction, durable (fsync) before it is acknowledged; kill -9 at any time
//! loses nothing acknowledged. A new file is made under another name and renamed, for redb refuses one whose creation was
//! killed. A failed transaction (full disk) leaves redb refusing everything, so the file is opened again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::Store;
use crate::change::Batch;
use crate::error::Error;
use crate::model::{Codebase, State};

const CODEBASES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("codebases");
const BLOBS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blobs");
const GONE: TableDefinition<'_, &str, u64> = TableDefinition::new("gone");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const SEQUENCE: &str = "sequence";
/// Shape of the tables above.
const SCHEMA: (&str, u64) = ("schema", 1);
/// redb keeps pages of its own beside the kernel's.
const CACHE_BYTES: usize = 4 << 20;
const FILE: &str = "repo.redb";
const NEW_FILE: &str = "repo.redb.new";

/// An open file; `None` while it can't be opened.
pub(crate) struct Disk {
    path: PathBuf,
    database: RwLock<Option<Database>>,
}

impl Disk {
    /// Opens the store in `folder`; makes both where there are none.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let wrong = |what| {
            move |source| Error::File {
                what,
                path: folder.to_owned(),
                source,
            }
        };
        std::fs::create_dir_all(folder).map_err(wrong("make the data folder"))?;
        let path = folder.join(FILE);
        if !path.try_exists().map_err(wrong("look into the data folder"))? {
            create(folder, &path)?;
        }
        let database = open(&path).map_err(|e| Error::Data(format!("open {}: {e}", path.display())))?;
        Ok(Self {
            path,
            database: RwLock::new(Some(database)),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        act(database.as_ref().ok_or(redb::Error::DatabaseAlreadyOpen)?)
    }

    fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
        match open(&self.path) {
            Ok(opened) => *database = Some(opened),
            Err(e) => tracing::error!(path = %self.path.display(), error = %e, "can't open the store again"),
        }
    }
}

impl Store for Disk {
    fn load(&self) -> Result<State, Error> {
        let (state, orphans) = self.with(load).map_err(failure)?;
        let batch = Batch {
            removed: orphans,
            sequence: state.sequence,
            ..Batch::default()
        };
        if !batch.removed.is_empty()
            && let Err(e) = self.apply(&batch)
        {
            tracing::warn!(error = %e, "can't clear contents that nothing refers to");
        }
        Ok(state)
    }

    fn read(&self, blob: u64) -> Result<Option<Bytes>, Error> {
        let read = |database: &Database| {
            let blobs = database.begin_read()?.open_table(BLOBS)?;
            Ok(blobs.get(blob)?.map(|bytes| Bytes::copy_from_slice(bytes.value())))
        };
        self.with(read).or_else(|_| {
            self.reopen();
            self.with(read).map_err(failure)
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), Error> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.reopen();
        }
        self.with(|database| apply(database, batch)).map_err(|e| {
            self.reopen();
            failure(e)
        })
    }
}

fn create(folder: &Path, path: &Path) -> Result<(), Error> {
    let new = folder.join(NEW_FILE);
    let wrong = |source| Error::File {
        what: "create the store",
        path: new.clone(),
        source,
    };
    match std::fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(wrong(e)),
        _ => {}
    }
    let fill = || -> Result<(), redb::Error> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(&new)?;
        let transaction = database.begin_write()?;
        transaction.open_table(CODEBASES)?;
        transaction.open_table(BLOBS)?;
        transaction.open_table(GONE)?;
        transaction.open_table(NUMBERS)?.insert(SCHEMA.0, SCHEMA.1)?;
        Ok(transaction.commit()?)
    };
    fill().map_err(|e| Error::Data(format!("create {}: {e}", new.display())))?;
    let sync = |path: &Path| File::open(path)?.sync_all();
    sync(&new).map_err(wrong)?;
    std::fs::rename(&new, path).map_err(wrong)?;
    sync(folder).map_err(wrong)
}

fn open(path: &Path) -> Result<Database, redb::Error> {
    Ok(Database::builder().set_cache_size(CACHE_BYTES).open(path)?)
}

fn apply(database: &Database, batch: &Batch) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut blobs = transaction.open_table(BLOBS)?;
        for (blob, bytes) in &batch.added {
            blobs.insert(blob, &bytes[..])?;
        }
        for blob in &batch.removed {
            blobs.remove(blob)?;
        }
        let mut codebases = transaction.open_table(CODEBASES)?;
        for (name, codebase) in &batch.codebases {
            match codebase {
                Some(codebase) => {
                    let json = serde_json::to_vec(codebase).expect("a codebase has text keys only");
                    codebases.insert(name.as_str(), &json[..])?;
                }
                None => drop(codebases.remove(name.as_str())?),
            }
        }
        let mut gone = transaction.open_table(GONE)?;
        for (name, at) in &batch.gone {
            match at {
                Some(at) => drop(gone.insert(name.as_str(), at)?),
                None => drop(gone.remove(name.as_str())?),
            }
        }
        transaction.open_table(NUMBERS)?.insert(SEQUENCE, batch.sequence)?;
    }
    Ok(transaction.commit()?)
}

/// The state, and contents that nothing refers to (a kill came before they were cleared).
fn load(database: &Database) -> Result<(State, Vec<u64>), redb::Error> {
    let corrupt = |what: String| redb::Error::Corrupted(what);
    let transaction = database.begin_read()?;
    let numbers = transaction.open_table(NUMBERS)?;
    let schema = numbers.get(SCHEMA.0)?.map(|schema| schema.value());
    if schema != Some(SCHEMA.1) {
        return Err(corrupt(format!("schema {schema:?}, this version reads {}", SCHEMA.1)));
    }
    let mut state = State::default();
    state.sequence = numbers.get(SEQUENCE)?.map_or(0, |number| number.value());
    let mut referred = std::collections::HashSet::new();
    for row in transaction.open_table(CODEBASES)?.iter()? {
        let (name, json) = row?;
        let codebase: Codebase =
            serde_json::from_slice(json.value()).map_err(|e| corrupt(format!("codebase {}: {e}", name.value())))?;
        referred.extend(codebase.blobs());
        state.set(name.value(), Some(codebase));
    }
    for row in transaction.open_table(GONE)?.iter()? {
        let (name, at) = row?;
        state.set_gone(name.value(), Some(at.value()));
    }
    let mut orphans = Vec::new();
    for row in transaction.open_table(BLOBS)?.iter()? {
        let blob = row?.0.value();
        if !referred.contains(&blob) {
            orphans.push(blob);
        }
    }
    Ok((state, orphans))
}

fn failure(e: redb::Error) -> Error {
    let is_full = matches!(&e, redb::Error::Io(io) if matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge));
    Error::Store {
        reason: e.to_string(),
        hint: if is_full {
            "free space on the disk of the data folder"
        } else {
            "look at the disk of the data folder"
        },
        is_full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileRef;

    fn batch(name: &str, blob: u64) -> Batch {
        let file = FileRef {
            blob,
            hash: "h".to_owned(),
            bytes: 1,
            uid: None,
        };
        let codebase = Codebase {
            files: [("/x".to_owned(), file)].into(),
            ..Codebase::default()
        };
        Batch {
            codebases: vec![(name.to_owned(), Some(codebase))],
            gone: vec![("/gone".to_owned(), Some(blob))],
            added: vec![(blob, Bytes::from_static(b"x"))],
            sequence: blob,
            ..Batch::default()
        }
    }

    #[test]
    fn what_was_applied_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NEW_FILE), b"left by a kill").unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.apply(&batch("/a", 5)).unwrap();
        disk.apply(&Batch {
            added: vec![(6, Bytes::from_static(b"orphan"))],
            sequence: 6,
            ..Batch::default()
        })
        .unwrap();
        drop(disk);
        let disk = Disk::open(folder.path()).unwrap();
        let state = disk.load().unwrap();
        assert_eq!(state.sequence, 6);
        assert_eq!(state.names().collect::<Vec<_>>(), ["/a"]);
        assert!(state.is_gone("/gone"));
        assert_eq!(disk.read(5).unwrap().unwrap(), "x");
        assert_eq!(disk.read(6).unwrap(), None, "nothing refers to it");
        disk.reopen();
        assert_eq!(disk.read(5).unwrap().unwrap(), "x", "after opening again");
    }

    #[test]
    fn a_second_process_and_a_broken_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = Disk::open(folder.path()).unwrap();
        assert!(Disk::open(folder.path()).is_err(), "two at once");
        drop(first);
        std::fs::write(folder.path().join(FILE), b"this is no database at all, only some text").unwrap();
        let message = Disk::open(folder.path()).err().unwrap().to_string();
        assert!(message.contains(FILE), "{message}");
    }
}
