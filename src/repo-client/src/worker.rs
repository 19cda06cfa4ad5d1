//! The reading side: one codebase, polled and fetched as upstream's workers do it, better where the Repo can do better
//! (long poll, tar). Source: Repo protocol section 1; RFC 7240 (Prefer: wait); design.md 4.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, LAST_MODIFIED, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Method, StatusCode, Upgraded, Url};
use tracing::warn;

use crate::client::{Client, Options, below, body, failure, malformed, parse, send, shown, transport};
use crate::error::Error;
use crate::limits::{
    MAX_CODEBASE_BYTES, MAX_FILE_BYTES, MAX_FILES, MAX_LIST_BYTES, MAX_WAIT, REQUEST_TIMEOUT, REVISION_HEADER, TAR_TYPE,
};
use crate::path::{codebase_name, file_path};
use crate::snapshot::{FileVersion, Root, SINGLE_SCRIPT, Snapshot, etags, root, untar};

/// What a Repo says about the state of a codebase; all opaque.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// `etag`; empty where there is none.
    pub etag: String,
    /// `last-modified`; empty where there is none.
    pub last_modified: String,
    /// `Ballast-Revision`; 0 where there is none. Grows with in-place publishes too, which leave the etag as it is.
    pub revision: u64,
}

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// As known.
    Unchanged,
    /// A codebase is there and differs from the known one. Same etag, other revision: only files were published in place.
    Changed(Version),
    /// The codebase was deleted (410): go dormant.
    Gone,
    /// No such codebase (404): unknown, keep what runs.
    Unknown,
    /// The codebase is that of another Pod with this name (409).
    Conflict,
}

/// The outcome of a poll, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// What it found.
    pub poll: Poll,
    /// The Repo holds polls back until something happens: poll again at once (except after [`Poll::Gone`] and
    /// [`Poll::Conflict`]). Otherwise the caller has to pause between polls.
    pub waits: bool,
}

/// A reader of one codebase.
#[derive(Clone)]
pub struct Worker {
    client: Client,
    /// Ends with a slash.
    root: Url,
}

impl Worker {
    /// `root` is the URL of a codebase: `http://repo:6060/repo/pod/shop/web-0/`.
    ///
    /// # Errors
    /// For an address or certificates that can't be used.
    pub fn new(root: &str, options: &Options) -> Result<Self, Error> {
        let mut root = parse(root)?;
        if !root.path().ends_with('/') {
            let path = format!("{}/", root.path());
            root.set_path(&path);
        }
        Ok(Self {
            client: Client::new(&root, options)?,
            root,
        })
    }

    /// The codebase `name` (`/pod/shop/web-0`, `/uid/<uid>`) of the Repo at `repo` (`http://repo:6060`).
    ///
    /// # Errors
    /// For an address, name or certificates that can't be used.
    pub fn in_repo(repo: &str, name: &str, options: &Options) -> Result<Self, Error> {
        let root = codebase_name(name)
            .map(|name| format!("/repo{name}/"))
            .map_err(|reason| Error::Name {
                name: name.to_owned(),
                reason,
            })?;
        let url = below(&parse(repo)?, root.trim_end_matches('/'));
        Self::new(url.as_str(), options)
    }

    /// The address of the codebase, for messages (no credentials).
    pub fn url(&self) -> String {
        shown(&self.root)
    }

    /// Asks whether the codebase differs from `known` (`None`: nothing is held). A Repo that can wait answers when it does,
    /// or after `wait` (at most [`MAX_WAIT`]); with nothing held it also waits for the codebase to appear. `wait` zero:
    /// answers at once.
    ///
    /// # Errors
    /// No answer, or one that says neither yes nor no (5xx, 401 ...): keep what runs, try again later.
    pub async fn poll(&self, known: Option<&Version>, wait: Duration) -> Result<Polled, Error> {
        let method = Method::HEAD;
        let wait = wait.min(MAX_WAIT);
        let mut request = self.client.request(&method, &self.root).timeout(REQUEST_TIMEOUT + wait);
        if let Some(known) = known {
            request = request
                .header(IF_NONE_MATCH, &known.etag)
                .header(REVISION_HEADER, known.revision);
        }
        if !wait.is_zero() {
            request = request.header("prefer", format!("wait={}", wait.as_secs().max(1)));
        }
        let response = send(&method, &self.root, request).await?;
        let waits = response.headers().contains_key("preference-applied");
        let poll = match response.status() {
            StatusCode::NOT_MODIFIED => Poll::Unchanged,
            StatusCode::OK => {
                let found = version(response.headers());
                if known == Some(&found) {
                    Poll::Unchanged
                } else {
                    Poll::Changed(found)
                }
            }
            StatusCode::GONE => Poll::Gone,
            StatusCode::NOT_FOUND => Poll::Unknown,
            StatusCode::CONFLICT => Poll::Conflict,
            _ => return Err(failure(&method, &self.root, response).await),
        };
        Ok(Polled { poll, waits })
    }

    /// Downloads the whole codebase: as one tar from a Repo that offers it, else the list and then file by file.
    ///
    /// # Errors
    /// Any failure but a 404 of a listed file (which is skipped) fails the whole: a partly downloaded codebase is never used.
    pub async fn fetch_all(&self) -> Result<Snapshot, Error> {
        let method = Method::GET;
        let accept = format!("{TAR_TYPE}, text/plain;q=0.5, */*;q=0.1");
        let request = self.client.request(&method, &self.root).header(ACCEPT, accept);
        let response = send(&method, &self.root, request).await?;
        if response.status() != StatusCode::OK {
            return Err(failure(&method, &self.root, response).await);
        }
        let version = version(response.headers());
        let is_tar = text(response.headers(), CONTENT_TYPE.as_str()).starts_with(TAR_TYPE);
        // A tar has a header and padding for each file.
        let limit = if is_tar {
            MAX_CODEBASE_BYTES + MAX_FILES * 2048
        } else {
            MAX_LIST_BYTES
        };
        let bytes = body(&method, &self.root, response, limit).await?;
        let wrong = |reason| malformed(&method, &self.root, reason);
        let (main, files) = if is_tar {
            untar(&bytes).map_err(wrong)?
        } else {
            match root(&bytes).map_err(wrong)? {
                Root::Script => (
                    SINGLE_SCRIPT.to_owned(),
                    BTreeMap::from([(SINGLE_SCRIPT.to_owned(), bytes)]),
                ),
                Root::List(paths) => {
                    let main = paths.first().cloned().unwrap_or_default();
                    (main, self.fetch_each(&paths).await?)
                }
            }
        };
        Ok(Snapshot { version, main, files })
    }

    /// Downloads one file. `None`: it is not there.
    ///
    /// # Errors
    /// No answer, another status than 200 and 404, a file that is too large.
    pub async fn fetch_file(&self, path: &str) -> Result<Option<Bytes>, Error> {
        let method = Method::GET;
        let url = below(&self.root, &normal(path)?);
        let response = send(&method, &url, self.client.request(&method, &url)).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(body(&method, &url, response, MAX_FILE_BYTES).await?)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(failure(&method, &url, response).await),
        }
    }

    /// The version of one file, for a Repo without `_etags`. `None`: it is not there.
    ///
    /// # Errors
    /// No answer, or another status than 200 and 404.
    pub async fn file_version(&self, path: &str) -> Result<Option<Version>, Error> {
        let method = Method::HEAD;
        let url = below(&self.root, &normal(path)?);
        let response = send(&method, &url, self.client.request(&method, &url)).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(version(response.headers()))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(failure(&method, &url, response).await),
        }
    }

    /// The version of every file.
    ///
    /// # Errors
    /// No answer, another status than 200 (404: the Repo has no `_etags`, use [`Worker::file_version`]), a bad list.
    pub async fn etags(&self) -> Result<Vec<FileVersion>, Error> {
        let method = Method::GET;
        let url = below(&self.root, "/_etags");
        let response = send(&method, &url, self.client.request(&method, &url)).await?;
        if response.status() != StatusCode::OK {
            return Err(failure(&method, &url, response).await);
        }
        let bytes = body(&method, &url, response, MAX_LIST_BYTES).await?;
        etags(&String::from_utf8_lossy(&bytes)).map_err(|reason| malformed(&method, &url, reason))
    }

    /// Reports the state of this worker (JSON). Returns the status: after 206 the next metrics may be incremental.
    ///
    /// # Errors
    /// No answer. Failures may be ignored.
    pub async fn post_status(&self, json: impl Into<Bytes>) -> Result<u16, Error> {
        let method = Method::POST;
        let request = self.client.request(&method, &self.root);
        let request = request.header(CONTENT_TYPE, "application/json").body(json.into());
        Ok(send(&method, &self.root, request).await?.status().as_u16())
    }

    /// Opens the admin link of the worker of that name: a WebSocket. `key`: the client's part of its handshake. Returns the
    /// server's part, for the caller to judge, and the connection.
    ///
    /// # Errors
    /// No answer, or another status than 101: the Repo has no such link.
    pub async fn open_link(&self, uuid: &str, key: &str) -> Result<(String, Upgraded), Error> {
        let method = Method::GET;
        let url = below(&self.root, uuid);
        let request = self
            .client
            .request(&method, &url)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, key);
        let response = send(&method, &url, request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(failure(&method, &url, response).await);
        }
        let accept = text(response.headers(), SEC_WEBSOCKET_ACCEPT.as_str()).to_owned();
        let upgraded = response.upgrade().await;
        Ok((accept, upgraded.map_err(|e| transport(&method, &url, &e))?))
    }

    async fn fetch_each(&self, paths: &[String]) -> Result<BTreeMap<String, Bytes>, Error> {
        let mut files = BTreeMap::new();
        let mut total = 0;
        for path in paths {
            let Some(content) = self.fetch_file(path).await? else {
                warn!(
                    path,
                    url = self.url(),
                    "the repo lists a file that it does not have; skipped"
                );
                continue;
            };
            total += content.len();
            if total > MAX_CODEBASE_BYTES {
                return Err(Error::TooLarge {
                    method: Method::GET.to_string(),
                    url: self.url(),
                    limit: MAX_CODEBASE_BYTES,
                    unit: "bytes",
                });
            }
            files.insert(path.clone(), content);
        }
        Ok(files)
    }
}

fn version(headers: &HeaderMap) -> Version {
    Version {
        etag: text(headers, ETAG.as_str()).to_owned(),
        last_modified: text(headers, LAST_MODIFIED.as_str()).to_owned(),
        revision: text(headers, REVISION_HEADER).parse().unwrap_or(0),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn normal(path: &str) -> Result<String, Error> {
    file_path(path).map_err(|reason| Error::Name {
        name: path.to_owned(),
        reason,
    })
}
