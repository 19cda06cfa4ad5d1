//! One bounded HTTP exchange after the other: set-up of reqwest, time-outs, limits on what is read, errors with method, URL
//! and hint. Not for: meaning of requests (`worker.rs`, `writer.rs`).

use std::error::Error as _;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Method, RequestBuilder, Response, Url};

use crate::error::{Error, hint};
use crate::limits::{CONNECT_TIMEOUT, MAX_ERROR_BYTES, REQUEST_TIMEOUT};

/// The addresses of a host, to come.
pub type Resolving = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Looks host names up in place of the system's resolver, which a static binary in an empty image does not have.
/// It is not asked for IP literals.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. Must end by itself: the connect time-out covers it only from outside.
    fn resolve(&self, host: &str) -> Resolving;
}

/// How to reach a Repo.
#[derive(Clone, Default)]
pub struct Options {
    /// Certificates (PEM) that sign the Repo's; https needs them, no system store is read.
    pub ca_pem: Option<Vec<u8>>,
    /// Client certificate and key (PEM, both in one).
    pub identity_pem: Option<Vec<u8>>,
    /// Bearer token of a writer.
    pub token: Option<String>,
    /// UID of the Pod that asks, sent as `Ballast-Pod-Uid`.
    pub pod_uid: Option<String>,
    /// Connections that are kept open between requests; `None`: one, which is what an agent needs.
    pub idle_connections: Option<usize>,
    /// Instead of the system's resolver.
    pub resolver: Option<Arc<dyn Resolve>>,
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    token: Option<Arc<str>>,
    pod_uid: Option<Arc<str>>,
}

struct Adapter(Arc<dyn Resolve>);

impl reqwest::dns::Resolve for Adapter {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addresses = self.0.resolve(name.as_str());
        Box::pin(async move {
            let addresses = addresses.await?;
            let iter: reqwest::dns::Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(iter)
        })
    }
}

impl Client {
    pub(crate) fn new(url: &Url, options: &Options) -> Result<Self, Error> {
        let setup = |what: &str, e: reqwest::Error| Error::Setup(format!("{what}: {}", causes(&e)));
        let certs = match &options.ca_pem {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(|e| setup("CA certificates", e))?,
            None => Vec::new(),
        };
        if url.scheme() == "https" && certs.is_empty() {
            return Err(Error::Setup(format!(
                "{} needs CA certificates (BALLAST_REPO_CA, or --tls-trusted=FILE)",
                shown(url)
            )));
        }
        // Proxies of the environment are the application's, not ours; a redirect would carry the token elsewhere.
        let mut builder = reqwest::Client::builder()
            .tls_certs_only(certs)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(options.idle_connections.unwrap_or(1))
            .tcp_keepalive(Duration::from_secs(60));
        if let Some(pem) = &options.identity_pem {
            builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(|e| setup("client certificate", e))?);
        }
        if let Some(resolver) = &options.resolver {
            builder = builder.dns_resolver(Adapter(Arc::clone(resolver)));
        }
        let header_value = |value: &str| reqwest::header::HeaderValue::from_str(value).is_ok();
        if !options.token.as_deref().is_none_or(header_value) || !options.pod_uid.as_deref().is_none_or(header_value) {
            return Err(Error::Setup("token or pod UID: holds a control character".to_owned()));
        }
        Ok(Self {
            http: builder.build().map_err(|e| setup("client", e))?,
            token: options.token.as_deref().map(Arc::from),
            pod_uid: options.pod_uid.as_deref().map(Arc::from),
        })
    }

    /// A request with the Pod's UID and, for a writer, the token.
    pub(crate) fn request(&self, method: &Method, url: &Url) -> RequestBuilder {
        let mut request = self.http.request(method.clone(), url.clone()).timeout(REQUEST_TIMEOUT);
        if let Some(uid) = &self.pod_uid {
            request = request.header(crate::limits::POD_UID_HEADER, &**uid);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }
}

/// Sends `request`; any status is an answer.
pub(crate) async fn send(method: &Method, url: &Url, request: RequestBuilder) -> Result<Response, Error> {
    request.send().await.map_err(|e| transport(method, url, &e))
}

/// Reads the body of an answer, up to `limit` bytes.
pub(crate) async fn body(method: &Method, url: &Url, mut response: Response, limit: usize) -> Result<Bytes, Error> {
    let too_large = || Error::TooLarge {
        method: method.to_string(),
        url: shown(url),
        limit,
        unit: "bytes",
    };
    let announced = response.content_length();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let capacity = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(capacity);
    while let Some(chunk) = response.chunk().await.map_err(|e| transport(method, url, &e))? {
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The error for an answer whose status means failure, with the start of its text.
pub(crate) async fn failure(method: &Method, url: &Url, mut response: Response) -> Error {
    let status = response.status().as_u16();
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BYTES - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if text.len() == MAX_ERROR_BYTES {
            break;
        }
    }
    Error::Status {
        method: method.to_string(),
        url: shown(url),
        status,
        message: String::from_utf8_lossy(&text).trim().to_owned(),
        hint: hint(status),
    }
}

pub(crate) fn malformed(method: &Method, url: &Url, reason: String) -> Error {
    Error::Malformed {
        method: method.to_string(),
        url: shown(url),
        reason,
    }
}

/// Parses an address of http or https.
pub(crate) fn parse(url: &str) -> Result<Url, Error> {
    let bad = |shown: String, reason: String| Error::Address { url: shown, reason };
    let parsed = Url::parse(url).map_err(|e| bad(without_credentials(url), e.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(bad(shown(&parsed), "it must be http://... or https://...".to_owned()));
    }
    Ok(parsed)
}

/// `url` with the segments of `path` (normal form) below it.
pub(crate) fn below(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.trim_start_matches('/').split('/'));
    }
    url
}

/// For messages: no user, no password.
pub(crate) fn shown(url: &Url) -> String {
    without_credentials(url.as_str())
}

/// An address for logs: without user and password.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.split('@').next_back().unwrap_or_default().to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// The error for an exchange that broke.
pub(crate) fn transport(method: &Method, url: &Url, e: &reqwest::Error) -> Error {
    let hint = if e.is_timeout() {
        "it takes too long; is the repo overloaded or a firewall in between?"
    } else if e.is_connect() {
        "is the repo up, and its address and certificate right?"
    } else {
        "the connection broke; try again"
    };
    Error::Transport {
        method: method.to_string(),
        url: shown(url),
        reason: causes(e),
        hint,
    }
}

/// The causes below reqwest's own message, which repeats the URL with its credentials.
fn causes(e: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = e.source();
    while let Some(e) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&e.to_string());
        cause = e.source();
    }
    if text.is_empty() {
        text.push_str(if e.is_timeout() { "timed out" } else { "failed" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let rows = [
            ("http://user:secret@host:1/a", "http://host:1/a"),
            ("http://user:secret@host", "http://host/"),
            ("http://host:1/a@b", "http://host:1/a@b"),
        ];
        for (url, wanted) in rows {
            assert_eq!(shown(&parse(url).unwrap()), wanted);
        }
        for url in ["http://user:secret@", "user:secret@host", "ftp://user:secret@host/"] {
            let message = parse(url).unwrap_err().to_string();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn paths_are_escaped() {
        let root = parse("http://host/repo/x/").unwrap();
        assert_eq!(below(&root, "/a b/ü.js").as_str(), "http://host/repo/x/a%20b/%C3%BC.js");
    }
}
