//! Brings a codebase in a Repo to what it is to be, in as few requests as that takes. The first publish creates and commits.
//! Later ones of a Pod's change the files in place where running scripts follow the change (so that nothing reloads), or
//! commit a new version where they only see it when loaded; those of any other codebase always commit. Not for: deciding what
//! it is to be (`ballast-derive`).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::Error;
use crate::writer::{Info, Upload, Writer};

/// Version of the first commit.
const FIRST_VERSION: &str = "1";

/// A codebase as it is to be.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Name with a leading slash.
    pub name: &'a str,
    /// The codebase that it derives from.
    pub base: &'a str,
    /// All its own files by path.
    pub files: &'a BTreeMap<String, String>,
    /// The file whose change decides between in place and a new version.
    pub document: &'a str,
    /// Whether the change of the document from (first) to (second) is seen only when scripts are loaded.
    pub needs_reload: fn(&str, &str) -> bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was so already.
    Unchanged,
    /// There was none.
    Created,
    /// Within the current version: nothing reloads.
    InPlace,
    /// As this new version.
    Version(String),
}

impl std::fmt::Display for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unchanged => f.write_str("unchanged"),
            Self::Created => write!(f, "created, version {FIRST_VERSION}"),
            Self::InPlace => f.write_str("published in place"),
            Self::Version(version) => write!(f, "new version {version}"),
        }
    }
}

impl Writer {
    /// Publishes `target`. A publish that broke off before its commit is taken up again.
    ///
    /// # Errors
    /// As [`Writer::list`]; [`Error::Base`] when the codebase derives from another one.
    pub async fn put(&self, target: &Target<'_>) -> Result<Published, Error> {
        let name = target.name;
        let info = self.info(name).await?;
        if info.is_none() && self.make(name, Some(target.base), FIRST_VERSION, target.files).await? {
            return Ok(Published::Created);
        }
        let info = self.made(name, Some(target.base), info).await?;
        let is_there = |files: &[String]| files.iter().any(|path| path == target.document);
        let before = match is_there(&info.files) || is_there(&info.edit_files) {
            true => self.read(name, target.document).await?,
            false => None,
        };
        let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let before = before.as_deref();
        let is_committed = target.files.keys().all(|path| info.files.contains(path));
        let document = target.files.get(target.document).map(String::as_str);
        if is_committed && document == before && info.edit_files.is_empty() {
            return Ok(Published::Unchanged);
        }
        for (path, content) in target.files {
            let file = Upload {
                path: path.clone(),
                content: content.clone().into(),
            };
            self.upload(name, &file).await?;
        }
        if !is_committed {
            self.commit(name, FIRST_VERSION).await?;
            return Ok(Published::Created);
        }
        // An edit that was left behind hides what is served, so it is taken for the worse.
        let needs_reload = (target.needs_reload)(before.unwrap_or_default(), document.unwrap_or_default());
        if info.edit_files.is_empty() && !needs_reload {
            self.publish(name).await?;
            return Ok(Published::InPlace);
        }
        self.commit_next(&info, name).await
    }

    /// Makes the codebase `name`, deriving from `base`, hold these files (by path) and no others of its own, all in one new
    /// version if anything differs.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub async fn mirror(
        &self,
        name: &str,
        base: Option<&str>,
        files: &BTreeMap<String, Bytes>,
    ) -> Result<Published, Error> {
        let info = self.info(name).await?;
        let info = self.made(name, base, info).await?;
        let own = info.files.iter().chain(&info.edit_files);
        let surplus: std::collections::BTreeSet<&String> = own.filter(|path| !files.contains_key(*path)).collect();
        // What an earlier try left is either wanted or surplus now.
        let mut is_changed = !info.edit_files.is_empty() || !info.erased_files.is_empty();
        for path in surplus {
            self.erase(name, path).await?;
            // That took the edit away, and what is served below it is still there.
            if info.files.contains(path) && info.edit_files.contains(path) {
                self.erase(name, path).await?;
            }
            is_changed = true;
        }
        for (path, content) in files {
            // One that is not its own may be its base's, which would be read instead.
            let is_own = info.files.contains(path) || info.edit_files.contains(path);
            let is_erased = info.erased_files.contains(path);
            if is_own && !is_erased && self.read(name, path).await?.as_ref() == Some(content) {
                continue;
            }
            let file = Upload {
                path: path.clone(),
                content: content.clone(),
            };
            self.upload(name, &file).await?;
            is_changed = true;
        }
        if !is_changed {
            return Ok(Published::Unchanged);
        }
        if info.files.is_empty() {
            self.commit(name, FIRST_VERSION).await?;
            return Ok(Published::Created);
        }
        self.commit_next(&info, name).await
    }

    /// What the Repo says (`info`) of a codebase that derives from `base`; makes it when there is none.
    async fn made(&self, name: &str, base: Option<&str>, info: Option<Info>) -> Result<Info, Error> {
        let info = match info {
            Some(info) => info,
            None => {
                self.create(name, base).await?;
                // Nothing is in it yet, so there is nothing to ask for.
                Info {
                    base: base.map(str::to_owned),
                    ..Info::default()
                }
            }
        };
        let actual = info.base.as_deref().filter(|base| !base.is_empty());
        if actual != base {
            return Err(Error::Base {
                name: name.to_owned(),
                actual: actual.map(str::to_owned),
                wanted: base.map(str::to_owned),
            });
        }
        Ok(info)
    }

    async fn commit_next(&self, info: &Info, name: &str) -> Result<Published, Error> {
        let number: u128 = info.version.parse().unwrap_or(0);
        let version = number.saturating_add(1).to_string();
        self.commit(name, &version).await?;
        Ok(Published::Version(version))
    }
}
