//! What the Repo knows: codebases, their files by reference, deleted names; and the one index of each. Pure, no I/O.
//! Not for: changing it (`change/`), reading through bases (`resolve.rs`), contents (`store/`).
//! Source: Repo protocol section 4.
//!
//! A codebase stores only what is its own. Two counters make that enough: `commits` counts commits of a codebase itself, so
//! the commits of all its bases say by how much its version has grown since it was set; `changed` is a number that grows
//! over the whole Repo, so the largest one along the bases is the revision of what a codebase serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Deleted names that are remembered (answered 410); the oldest are forgotten.
pub(crate) const MAX_GONE: usize = 65_536;
/// Longest chain of bases.
pub(crate) const MAX_DEPTH: usize = 32;
/// Main script of a codebase that names none.
pub(crate) const DEFAULT_MAIN: &str = "/main.js";
/// Names below it are aliases of Pods' codebases by UID.
pub(crate) const UID_PREFIX: &str = "/uid/";
/// Names below it are codebases of Pods.
pub(crate) const POD_PREFIX: &str = "/pod/";

/// One content. The bytes are in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    /// Key in the store; never used twice.
    pub(crate) blob: u64,
    /// Hash of the content, hexadecimal: the file's own version.
    pub(crate) hash: String,
    pub(crate) bytes: usize,
    /// The Pod's UID in it, when it is a `pod.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
}

/// One codebase, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Codebase {
    /// As last set; `resolve.rs` tells what it has grown to.
    pub(crate) version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) main: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<String>,
    /// Whether it was ever committed.
    #[serde(default)]
    pub(crate) committed: bool,
    /// Own commits.
    #[serde(default)]
    pub(crate) commits: u64,
    /// Commits of all bases when `version` was set.
    #[serde(default)]
    pub(crate) base_commits: u64,
    /// Number of the last change of what it serves.
    #[serde(default)]
    pub(crate) changed: u64,
    #[serde(default)]
    pub(crate) files: BTreeMap<String, FileRef>,
    #[serde(default)]
    pub(crate) edits: BTreeMap<String, FileRef>,
    #[serde(default)]
    pub(crate) erased: BTreeSet<String>,
    /// What it was seeded with, until somebody edits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<String>,
}

impl Codebase {
    /// The UID of its Pod.
    pub(crate) fn uid(&self) -> Option<&str> {
        self.files.get(ballast_repo_client::pod::POD_PATH)?.uid.as_deref()
    }

    /// Keys of everything it keeps in the store.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = u64> {
        self.files.values().chain(self.edits.values()).map(|file| file.blob)
    }
}

/// The look-ups that reading and changing need; a draft of changes answers them too.
pub(crate) trait Lookup {
    /// The codebase of this name.
    fn get(&self, name: &str) -> Option<&Codebase>;
}

/// Everything but contents.
#[derive(Debug, Default)]
pub(crate) struct State {
    codebases: BTreeMap<String, Arc<Codebase>>,
    children: BTreeMap<String, BTreeSet<String>>,
    uids: BTreeMap<String, String>,
    gone: BTreeMap<String, u64>,
    gone_order: BTreeMap<u64, String>,
    /// The last number given to a blob or change.
    pub(crate) sequence: u64,
}

impl Lookup for State {
    fn get(&self, name: &str) -> Option<&Codebase> {
        self.codebases.get(name).map(Arc::as_ref)
    }
}

impl State {
    /// All names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.codebases.keys().map(String::as_str)
    }

    /// Names below `prefix` (which ends with a slash), sorted.
    pub(crate) fn names_below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self
            .codebases
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
    }

    /// The codebases that derive from `name` directly.
    pub(crate) fn children(&self, name: &str) -> impl Iterator<Item = &str> {
        self.children.get(name).into_iter().flatten().map(String::as_str)
    }

    /// All codebases that derive from `name` at any depth, bases before derived.
    pub(crate) fn descendants(&self, name: &str) -> Vec<String> {
        let mut all: Vec<String> = self.children(name).map(str::to_owned).collect();
        let mut next = 0;
        while next < all.len() {
            let more: Vec<String> = self.children(&all[next]).map(str::to_owned).collect();
            all.extend(more);
            next += 1;
        }
        all
    }

    /// The codebase of the Pod with this UID.
    pub(crate) fn by_uid(&self, uid: &str) -> Option<&str> {
        self.uids.get(uid).map(String::as_str)
    }

    /// Whether a codebase (or alias) of this name was deleted and not made again.
    pub(crate) fn is_gone(&self, name: &str) -> bool {
        self.gone.contains_key(name)
    }

    /// Deleted names, the oldest first.
    pub(crate) fn gone(&self) -> impl Iterator<Item = (u64, &str)> {
        self.gone_order.iter().map(|(&at, name)| (at, name.as_str()))
    }

    /// How many deleted names are remembered.
    pub(crate) fn gone_count(&self) -> usize {
        self.gone.len()
    }

    /// Puts a codebase in, or takes it out, and keeps the indexes right.
    pub(crate) fn set(&mut self, name: &str, codebase: Option<Codebase>) {
        if let Some(old) = self.codebases.remove(name) {
            if let Some(base) = &old.base
                && let Some(children) = self.children.get_mut(base)
            {
                children.remove(name);
                if children.is_empty() {
                    self.children.remove(base);
                }
            }
            if let Some(uid) = old.uid().filter(|uid| self.by_uid(uid) == Some(name)) {
                self.uids.remove(uid);
            }
        }
        let Some(codebase) = codebase else { return };
        if let Some(base) = &codebase.base {
            self.children.entry(base.clone()).or_default().insert(name.to_owned());
        }
        if let Some(uid) = codebase.uid().filter(|_| name.starts_with(POD_PREFIX)) {
            self.uids.insert(uid.to_owned(), name.to_owned());
        }
        self.codebases.insert(name.to_owned(), Arc::new(codebase));
    }

    /// Remembers or forgets a deleted name.
    pub(crate) fn set_gone(&mut self, name: &str, at: Option<u64>) {
        if let Some(old) = self.gone.remove(name) {
            self.gone_order.remove(&old);
        }
        if let Some(at) = at {
            self.gone.insert(name.to_owned(), at);
            self.gone_order.insert(at, name.to_owned());
        }
    }
}
