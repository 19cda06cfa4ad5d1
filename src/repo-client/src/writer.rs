//! The editing side of a Repo: create, upload, commit, publish in place, delete. Source: Repo protocol section 3.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::{Client, Options, below, body, failure, malformed, parse, send};
use crate::error::Error;
use crate::limits::{MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_WAIT, REQUEST_TIMEOUT};
use crate::path::{codebase_name, file_path};

/// A writer of one Repo.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    base: Url,
}

/// A file to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Path in the codebase.
    pub path: String,
    /// Whole content.
    pub content: Bytes,
}

/// What a Repo tells about a codebase.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Current version. A number in older Repos.
    #[serde(deserialize_with = "string_or_number")]
    pub version: String,
    /// Name with a leading slash.
    #[serde(default)]
    pub path: String,
    /// Path of the main script.
    #[serde(default)]
    pub main: String,
    /// Own committed files.
    #[serde(default)]
    pub files: Vec<String>,
    /// Own edited files, not committed.
    #[serde(default)]
    pub edit_files: Vec<String>,
    /// Own files that the next commit takes away.
    #[serde(default)]
    pub erased_files: Vec<String>,
    /// Files of the base.
    #[serde(default)]
    pub base_files: Vec<String>,
    /// Codebases that derive from it.
    #[serde(default)]
    pub derived: Vec<String>,
    /// The codebase that it derives from.
    #[serde(default)]
    pub base: Option<String>,
    /// Reports of its workers, by number.
    #[serde(default)]
    pub instances: Map<String, Value>,
}

/// What agents have told of their Pods' registrations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Registrations {
    /// The number of the newest one, to ask on from.
    pub last: u64,
    /// One after the other.
    pub registrations: Vec<Registration>,
}

/// What became of a registration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Registration {
    /// The Pod's codebase.
    pub codebase: String,
    /// The Pod's UID.
    pub uid: String,
    /// The instance in the registry.
    pub id: String,
    /// `registered`, `failed`, `lost`, `deregistered`; others may come.
    pub state: String,
    /// For people; of the registry's own words where it has refused.
    pub words: String,
}

impl Writer {
    /// `repo` is the address of a Repo: `http://repo:6060`.
    ///
    /// # Errors
    /// For an address, token or certificates that can't be used.
    pub fn new(repo: &str, options: &Options) -> Result<Self, Error> {
        let base = parse(repo)?;
        Ok(Self {
            client: Client::new(&base, options)?,
            base,
        })
    }

    /// Names of all codebases, each with a leading slash.
    ///
    /// # Errors
    /// No answer or a status that means failure; so for all methods.
    pub async fn list(&self) -> Result<Vec<String>, Error> {
        let method = Method::GET;
        let url = below(&self.base, "/api/v1/repo");
        let bytes = self.expect(&method, &url, |request| request, MAX_LIST_BYTES).await?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// What agents have told of registrations after number `after`: waits for it, at most `wait`. Without `after`: only the number
    /// of the newest one.
    ///
    /// # Errors
    /// As [`Writer::list`]; status 404 from a Repo that does not follow them.
    pub async fn registrations(&self, after: Option<u64>, wait: Duration) -> Result<Registrations, Error> {
        let method = Method::GET;
        let mut url = below(&self.base, "/api/v1/registrations");
        if let Some(after) = after {
            url.set_query(Some(&format!("after={after}")));
        }
        let wait = wait.min(MAX_WAIT);
        let with = |request: RequestBuilder| {
            let request = request.timeout(REQUEST_TIMEOUT + wait);
            request.header("prefer", format!("wait={}", wait.as_secs().max(1)))
        };
        let bytes = self.expect(&method, &url, with, MAX_LIST_BYTES).await?;
        serde_json::from_slice(&bytes).map_err(|e| malformed(&method, &url, format!("no registrations: {e}")))
    }

    /// Describes a codebase; `None`: there is none.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn info(&self, name: &str) -> Result<Option<Info>, Error> {
        let method = Method::GET;
        let url = self.codebase(name)?;
        match self.expect(&method, &url, |request| request, MAX_LIST_BYTES).await {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| malformed(&method, &url, format!("not a description of a codebase: {e}"))),
            Err(e) if e.status() == Some(404) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Creates a codebase that derives from `base`.
    ///
    /// # Errors
    /// As [`Writer::list`]; status 400 when it exists.
    pub async fn create(&self, name: &str, base: Option<&str>) -> Result<(), Error> {
        let mut fields = Map::new();
        if let Some(base) = base {
            fields.insert("base".to_owned(), Value::from(checked_name(base)?));
        }
        let url = self.codebase(name)?;
        self.json(&Method::POST, &url, &Value::Object(fields)).await
    }

    /// Creates a codebase with its files (by path) and commits it, in one request. `false`: this Repo can't, being upstream's.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub async fn make(
        &self,
        name: &str,
        base: Option<&str>,
        version: &str,
        files: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let base = base.map(checked_name).transpose()?;
        let value = serde_json::json!({ "base": base, "version": version, "files": files });
        match self.json(&Method::PUT, &self.codebase(name)?, &value).await {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.status(), Some(404 | 405 | 501)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Stores a file as an edit; nothing is served before a commit or publish.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn upload(&self, name: &str, file: &Upload) -> Result<(), Error> {
        let url = self.file(name, &file.path)?;
        let with = |request: RequestBuilder| request.header(CONTENT_TYPE, "text/plain").body(file.content.clone());
        self.expect(&Method::POST, &url, with, MAX_LIST_BYTES).await.map(drop)
    }

    /// Drops an edit, or marks an own file so that the next commit takes it away.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn erase(&self, name: &str, path: &str) -> Result<(), Error> {
        let url = self.file(name, path)?;
        let none = |request| request;
        self.expect(&Method::DELETE, &url, none, MAX_LIST_BYTES).await.map(drop)
    }

    /// Newest content of a file (edited, else committed, else inherited); `None`: there is none.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn read(&self, name: &str, path: &str) -> Result<Option<Bytes>, Error> {
        let url = self.file(name, path)?;
        match self.expect(&Method::GET, &url, |request| request, MAX_FILE_BYTES).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.status() == Some(404) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Commits all edits as `version`: workers load it.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn commit(&self, name: &str, version: &str) -> Result<(), Error> {
        let url = self.codebase(name)?;
        self.json(&Method::PATCH, &url, &serde_json::json!({ "version": version }))
            .await
    }

    /// Publishes all edits within the current version: watchers of the files are told, nothing is reloaded.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn publish(&self, name: &str) -> Result<(), Error> {
        let url = self.codebase(name)?;
        self.json(&Method::PATCH, &url, &serde_json::json!({})).await
    }

    /// Deletes a codebase and all that derive from it. `false`: there was none.
    ///
    /// # Errors
    /// As [`Writer::list`].
    pub async fn delete(&self, name: &str) -> Result<bool, Error> {
        let url = self.codebase(name)?;
        match self
            .expect(&Method::DELETE, &url, |request| request, MAX_LIST_BYTES)
            .await
        {
            Ok(_) => Ok(true),
            Err(e) if e.status() == Some(404) => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn codebase(&self, name: &str) -> Result<Url, Error> {
        Ok(below(&below(&self.base, "/api/v1/repo"), &checked_name(name)?))
    }

    fn file(&self, name: &str, path: &str) -> Result<Url, Error> {
        let path = file_path(path).map_err(|reason| invalid(path, reason))?;
        Ok(below(
            &below(&below(&self.base, "/api/v1/repo-files"), &checked_name(name)?),
            &path,
        ))
    }

    async fn json(&self, method: &Method, url: &Url, value: &Value) -> Result<(), Error> {
        let with = |request: RequestBuilder| request.header(CONTENT_TYPE, "application/json").body(value.to_string());
        self.expect(method, url, with, MAX_LIST_BYTES).await.map(drop)
    }

    async fn expect(
        &self,
        method: &Method,
        url: &Url,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        limit: usize,
    ) -> Result<Bytes, Error> {
        let response = send(method, url, with(self.client.request(method, url))).await?;
        match response.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => body(method, url, response, limit).await,
            _ => Err(failure(method, url, response).await),
        }
    }
}

fn checked_name(name: &str) -> Result<String, Error> {
    codebase_name(name).map_err(|reason| invalid(name, reason))
}

fn invalid(name: &str, reason: crate::path::Invalid) -> Error {
    Error::Name {
        name: name.to_owned(),
        reason,
    }
}

fn string_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "version is {other}, not text or number"
        ))),
    }
}
