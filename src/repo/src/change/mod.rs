//! Every change that the API knows, as a value, and what it does to a draft. Pure: a draft is kept apart from the state until
//! the store has it, so that a full disk changes nothing. Source: Repo protocol sections 3 and 4.

mod edit;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use ballast_repo_client::limits::MAX_VERSION_BYTES;
use ballast_repo_client::pod::POD_PATH;
use bytes::Bytes;

use crate::error::Refused;
use crate::model::{Codebase, FileRef, Lookup, MAX_GONE, POD_PREFIX, State, UID_PREFIX};

/// A content on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    /// Hexadecimal hash of the bytes.
    pub(crate) hash: String,
    /// The Pod's UID in it, when it is a `pod.json`.
    pub(crate) uid: Option<String>,
}

/// A change. Names and paths are in normal form.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        name: String,
        base: Option<String>,
        version: String,
        main: Option<String>,
    },
    /// A codebase that was not there, committed with its files.
    Make {
        name: String,
        base: Option<String>,
        version: String,
        files: Vec<(String, Content)>,
    },
    Upload {
        name: String,
        path: String,
        content: Content,
    },
    DropEdit {
        name: String,
        path: String,
    },
    Erase {
        name: String,
        path: String,
    },
    /// With a version: commit; without: publish in place.
    Publish {
        name: String,
        version: Option<String>,
        main: Option<String>,
        base: Option<String>,
    },
    Delete {
        name: String,
    },
    /// Makes the codebase hold exactly these files, as a new version, unless somebody has edited it.
    Seed {
        name: String,
        version: Option<String>,
        main: String,
        digest: String,
        files: Vec<(String, Content)>,
    },
}

/// Changes that are not yet in the state.
pub(crate) struct Draft<'s> {
    state: &'s State,
    codebases: BTreeMap<String, Option<Codebase>>,
    gone: BTreeMap<String, Option<u64>>,
    added: Vec<(u64, Bytes)>,
    removed: Vec<u64>,
    sequence: u64,
}

/// What a draft comes to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New values; `None`: deleted.
    pub(crate) codebases: Vec<(String, Option<Codebase>)>,
    /// Deleted names to remember (with the number that orders them) or to forget.
    pub(crate) gone: Vec<(String, Option<u64>)>,
    /// Contents to store.
    pub(crate) added: Vec<(u64, Bytes)>,
    /// Contents that nothing refers to any more.
    pub(crate) removed: Vec<u64>,
    /// The last number given out.
    pub(crate) sequence: u64,
}

impl Lookup for Draft<'_> {
    fn get(&self, name: &str) -> Option<&Codebase> {
        match self.codebases.get(name) {
            Some(changed) => changed.as_ref(),
            None => self.state.get(name),
        }
    }
}

impl<'s> Draft<'s> {
    pub(crate) fn new(state: &'s State) -> Self {
        Self {
            state,
            codebases: BTreeMap::new(),
            gone: BTreeMap::new(),
            added: Vec::new(),
            removed: Vec::new(),
            sequence: state.sequence,
        }
    }

    /// Applies one change: wholly, or not at all.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), Refused> {
        match change {
            Change::Create {
                name,
                base,
                version,
                main,
            } => self.create(name, base, version, main),
            Change::Make {
                name,
                base,
                version,
                files,
            } => self.make(name, base, version, files),
            Change::Upload { name, path, content } => self.upload(&name, path, content),
            Change::DropEdit { name, path } => self.drop_edit(&name, &path),
            Change::Erase { name, path } => self.erase(&name, &path),
            Change::Publish {
                name,
                version,
                main,
                base,
            } => self.publish(&name, version, main, base),
            Change::Delete { name } => self.delete(&name),
            Change::Seed {
                name,
                version,
                main,
                digest,
                files,
            } => self.seed(name, version, main, digest, files),
        }
    }

    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.codebases.is_empty()
    }

    /// The result, for the store and then for the state.
    pub(crate) fn finish(mut self) -> Batch {
        let remembered = self.state.gone_count() + self.gone.len();
        let forget = remembered.saturating_sub(MAX_GONE);
        let oldest: Vec<String> = self
            .state
            .gone()
            .take(forget)
            .map(|(_, name)| name.to_owned())
            .collect();
        for name in oldest {
            self.gone.entry(name).or_insert(None);
        }
        Batch {
            codebases: self.codebases.into_iter().collect(),
            gone: self.gone.into_iter().collect(),
            added: self.added,
            removed: self.removed,
            sequence: self.sequence,
        }
    }

    fn own(&self, name: &str) -> Result<Codebase, Refused> {
        self.get(name).cloned().ok_or(Refused::NotFound)
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn store(&mut self, content: Content) -> FileRef {
        let blob = self.next();
        let file = FileRef {
            blob,
            hash: content.hash,
            bytes: content.bytes.len(),
            uid: content.uid,
        };
        self.added.push((blob, content.bytes));
        file
    }

    /// Every change but a seed makes a codebase somebody's own. A UID that a codebase no longer has is remembered as gone.
    fn set(&mut self, name: String, mut codebase: Option<Codebase>) {
        if name.starts_with(POD_PREFIX) {
            let uid =
                |codebase: Option<&Codebase>| codebase.and_then(Codebase::uid).map(|uid| format!("{UID_PREFIX}{uid}"));
            let (old, new) = (uid(self.get(&name)), uid(codebase.as_ref()));
            if old != new {
                if let Some(old) = old {
                    let at = self.next();
                    self.gone.insert(old, Some(at));
                }
                if let Some(new) = new {
                    self.gone.insert(new, None);
                }
            }
        }
        if let Some(codebase) = &mut codebase {
            codebase.seed = None;
        }
        self.codebases.insert(name, codebase);
    }
}

/// The UID in the content of a Pod's `pod.json`.
pub(crate) fn pod_uid(name: &str, path: &str, content: &[u8]) -> Option<String> {
    if path != POD_PATH || !name.starts_with(POD_PREFIX) {
        return None;
    }
    let document: serde_json::Value = serde_json::from_slice(content).ok()?;
    let uid = document.get("metadata")?.get("uid")?.as_str()?;
    let is_plain = uid
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (!uid.is_empty() && uid.len() <= 128 && is_plain).then(|| uid.to_owned())
}

/// A version becomes a header.
fn check_version(version: &str) -> Result<(), Refused> {
    let is_text = version.bytes().all(|byte| byte.is_ascii_graphic());
    if version.is_empty() || version.len() > MAX_VERSION_BYTES || !is_text {
        return Err(Refused::Version);
    }
    Ok(())
}
