//! The admin port: thin routes over facts and log, on TCP or on an abstract socket. hyper serves it, which is linked anyway
//! for the Repo's client. Not for: anything that changes what runs, but
//! for fetching it again. Source: pipyjs/repo.md section 5.

use crate::admin_guard::{self, Door};
use crate::admin_log;
use crate::facts::{Facts, SYSTEM_LOG};
use crate::limits;
use crate::log::Log;
use ballast_engine::AdminRequest;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// What the routes read.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Facts about the engine.
    pub(crate) facts: Facts,
    /// The log.
    pub(crate) log: Log,
    /// The command line as one line, without `--log-level`.
    pub(crate) options: String,
    /// TLS of the TCP port.
    pub(crate) tls: Option<TlsAcceptor>,
    /// What runs, where it may be shown and restarted from here.
    pub(crate) program: Option<Program>,
}

/// See [`Admin::program`].
#[derive(Clone)]
pub(crate) struct Program {
    /// What was asked to run.
    pub(crate) name: String,
    /// Whoever runs it fetches it again when told.
    pub(crate) restart: Arc<Notify>,
}

/// An open admin port; closed on drop.
pub(crate) struct Open(AbortHandle);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Admin {
    /// Opens a TCP port; an address of all interfaces falls back to IPv4 where there is no IPv6.
    ///
    /// # Errors  The port cannot be opened.
    pub(crate) async fn listen(self, address: SocketAddr) -> io::Result<Open> {
        let listener = match TcpListener::bind(address).await {
            Err(error) if address.ip().is_unspecified() && error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await?
            }
            result => result?,
        };
        tracing::info!(target: "listener", "admin port is {}", listener.local_addr().unwrap_or(address));
        let gate = Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS));
        let task = tokio::spawn(async move {
            loop {
                let Ok(permit) = gate.clone().acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, _)) => match self.tls.clone() {
                        None => {
                            let door = Door::of(stream.local_addr().ok());
                            self.clone().answer(stream, door, permit);
                        }
                        Some(tls) => self.clone().answer_tls(tls, stream, permit),
                    },
                    Err(_) => tokio::time::sleep(limits::ACCEPT_PAUSE).await,
                }
            }
        });
        Ok(Open(task.abort_handle()))
    }

    /// Opens an abstract socket of this name (`@name`), which is bound to the network namespace as a port is.
    ///
    /// # Errors  The name is taken.
    pub(crate) fn listen_abstract(self, name: &str) -> io::Result<Open> {
        let address = unix::SocketAddr::from_abstract_name(name)?;
        let listener = unix::UnixListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        tracing::info!(target: "listener", "admin socket is @{name}");
        let gate = Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS));
        let task = tokio::spawn(async move {
            loop {
                let Ok(permit) = gate.clone().acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, _)) => self.clone().answer(stream, Door::Socket, permit),
                    Err(_) => tokio::time::sleep(limits::ACCEPT_PAUSE).await,
                }
            }
        });
        Ok(Open(task.abort_handle()))
    }

    /// As `answer`, after a handshake, which has the same time.
    fn answer_tls(self, tls: TlsAcceptor, stream: TcpStream, permit: OwnedSemaphorePermit) {
        tokio::spawn(async move {
            match tokio::time::timeout(limits::ADMIN_TIME, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.answer(stream, Door::Tls, permit),
                Ok(Err(error)) => tracing::debug!(target: "listener", %error, "handshake at the admin port failed"),
                Err(_) => tracing::debug!(target: "listener", "handshake at the admin port took too long"),
            }
        });
    }

    /// Serves one connection in a task of its own, for a bounded time.
    fn answer<S>(self, stream: S, door: Door, permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let admin = self.clone();
                async move { Ok::<_, Infallible>(admin.enter(door, request).await) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // However it ended, the peer knows: nothing is left to tell.
            drop(tokio::time::timeout(limits::ADMIN_TIME, served).await);
            drop(permit);
        });
    }

    /// No page of another origin gets further.
    async fn enter(&self, door: Door, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match admin_guard::refusal(door, request.uri(), request.headers()) {
            None => self.route(request).await,
            Some(reason) => {
                tracing::debug!(target: "listener", "the admin port refuses a request: {}", reason.trim_end());
                text(StatusCode::FORBIDDEN, reason)
            }
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path().starts_with("/api/v1/log/") {
            return self.follow(request);
        }
        let (head, body) = request.into_parts();
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        if head.uri.path() != "/healthz" {
            self.facts.settled().await;
        }
        match head.uri.path() {
            "/options" if head.method == Method::POST => self.set_options(body).await,
            path if path == "/dump" || path.starts_with("/dump/") || below(path, "/api/v1/metrics").is_some() => {
                if is_read {
                    self.numbers(path).await
                } else {
                    not_allowed("GET")
                }
            }
            path if below(path, "/api/v1/files").is_some() || path == "/api/v1/program" => {
                self.program_route(&head.method, path)
            }
            "/graph" | "/healthz" | "/status" | "/api/v1/status" | "/metrics" | "/options" | "/log" | "/log/"
                if !is_read =>
            {
                not_allowed("GET")
            }
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/graph" => typed("text/plain; charset=utf-8", self.facts.graph()),
            "/status" | "/api/v1/status" => typed("application/json", self.facts.status().await),
            "/metrics" => {
                let accepts = head.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
                packed(
                    typed("text/plain; version=0.0.4", Bytes::new()),
                    self.facts.prometheus().await,
                    accepts.unwrap_or_default(),
                )
            }
            "/options" => text(
                StatusCode::OK,
                &format!("--log-level={} {}\n", self.log.level(), self.options),
            ),
            "/log" | "/log/" => {
                let mut names = self.log.loggers().names();
                names.insert(0, SYSTEM_LOG.to_owned());
                text(StatusCode::OK, &(names.join("\n") + "\n"))
            }
            path if path.strip_prefix("/log/") == Some(SYSTEM_LOG) && is_read => {
                typed("text/plain; charset=utf-8", self.log.history())
            }
            path if is_read && path.starts_with("/log/") => {
                let name = decoded(path.strip_prefix("/log/").unwrap_or_default());
                match self.log.loggers().contents(&name) {
                    Some(lines) => typed("text/plain; charset=utf-8", lines),
                    None => text(StatusCode::NOT_FOUND, "no such log\n"),
                }
            }
            path if path.starts_with("/admin/") => self.ask_scripts(&head, body).await,
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    /// `/api/v1/log/[UUID/]NAME`.
    fn follow(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return not_allowed("GET");
        }
        let path = decoded(request.uri().path().strip_prefix("/api/v1/log/").unwrap_or_default());
        let own = path.split_once('/').filter(|(uuid, _)| self.facts.is_uuid(uuid));
        let name = own.map_or(path.as_str(), |(_, name)| name);
        if name != SYSTEM_LOG && self.log.loggers().contents(name).is_none() {
            return text(StatusCode::NOT_FOUND, "no such log\n");
        }
        let Some(accept) = admin_log::accept(request.headers()) else {
            return admin_log::upgrade_required();
        };
        match self.log.tail(name) {
            Some(tail) => admin_log::follow(request, accept, tail),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "too many followers of logs\n"),
        }
    }

    /// What pipelines of `.admin(path)` answer.
    async fn ask_scripts(&self, head: &Parts, body: Incoming) -> Response<Full<Bytes>> {
        let Ok(body) = Limited::new(body, limits::ADMIN_SCRIPT_BYTES).collect().await else {
            return text(StatusCode::BAD_REQUEST, "the body is too long or broken\n");
        };
        let path = head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.path(), |path| path.as_str());
        let headers = head.headers.iter();
        let request = AdminRequest {
            method: head.method.as_str().to_owned(),
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
                .collect(),
            body: body.to_bytes(),
        };
        let Some(answer) = self.facts.collector().admin(request).await else {
            return text(StatusCode::NOT_FOUND, "not found\n");
        };
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(kind) = answer
            .content_type
            .and_then(|kind| HeaderValue::from_maybe_shared(kind).ok())
        {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response
    }

    /// `/dump` with its parts, and what metrics have been.
    async fn numbers(&self, path: &str) -> Response<Full<Bytes>> {
        let json = match path.strip_prefix("/dump") {
            Some(part) => self.facts.dump(&decoded(part)).await,
            None => {
                let rest = decoded(below(path, "/api/v1/metrics").unwrap_or_default());
                let mut names = rest.split('/').filter(|name| !name.is_empty());
                match (names.next(), names.next(), names.next()) {
                    (Some(uuid), Some(name), None) => self.facts.history(Some(uuid), Some(name)),
                    (name, None, None) => self.facts.history(None, name),
                    _ => None,
                }
            }
        };
        match json {
            Some(json) => typed("application/json", json),
            None => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    /// `/api/v1/files` and `/api/v1/program`. Every codebase is read-only here: changes of its files have no effect.
    fn program_route(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let Some(program) = &self.program else {
            return text(StatusCode::NOT_FOUND, "not found\n");
        };
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if path == "/api/v1/program" {
            return match *method {
                Method::PATCH => {
                    program.restart.notify_one();
                    text(StatusCode::CREATED, "")
                }
                _ if is_read => text(StatusCode::OK, &program.name),
                _ => not_allowed("GET, PATCH"),
            };
        }
        let codebase = self.facts.codebase();
        match (below(path, "/api/v1/files").unwrap_or_default(), method) {
            ("" | "/", &Method::PATCH) => text(StatusCode::CREATED, ""),
            ("" | "/", _) if is_read => {
                let files: Vec<&String> = codebase.files.keys().collect();
                let listed = json!({ "main": codebase.main, "files": files, "readOnly": true });
                typed("application/json", listed.to_string())
            }
            ("" | "/", _) => not_allowed("GET, PATCH"),
            (_, &Method::POST | &Method::PATCH) => text(StatusCode::CREATED, ""),
            (_, &Method::DELETE) => text(StatusCode::NO_CONTENT, ""),
            (file, _) if is_read => match codebase.get(&decoded(file)) {
                Some(content) => typed("text/plain", content.clone()),
                None => text(StatusCode::NOT_FOUND, "not found\n"),
            },
            _ => not_allowed("GET, POST, PATCH, DELETE"),
        }
    }

    /// Only the log can be changed while it runs.
    async fn set_options(&self, body: Incoming) -> Response<Full<Bytes>> {
        let Ok(body) = Limited::new(body, limits::ADMIN_BODY_BYTES).collect().await else {
            return text(StatusCode::BAD_REQUEST, "the body is too long or broken\n");
        };
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let mut level = None;
        for option in body.split_whitespace() {
            match option.strip_prefix("--log-level=").map(str::parse) {
                Some(Ok(wanted)) => level = Some(wanted),
                Some(Err(error)) => return text(StatusCode::BAD_REQUEST, &format!("{option}: {error}\n")),
                None => return text(StatusCode::BAD_REQUEST, &format!("{option}: cannot be changed\n")),
            }
        }
        if let Some(level) = level {
            self.log.set_level(level);
        }
        text(StatusCode::CREATED, "")
    }
}

/// What follows a route in a path: nothing, or what begins with a slash.
fn below<'a>(path: &'a str, route: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(route)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A part of a path without percent encoding.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = typed("text/plain", body.to_owned());
    *response.status_mut() = status;
    response
}

/// The answer with this body, as gzip where that is accepted.
fn packed(mut response: Response<Full<Bytes>>, body: String, accepts: &str) -> Response<Full<Bytes>> {
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept-encoding"));
    let mut body = body.into_bytes();
    if takes_gzip(accepts) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Into memory: it cannot fail, and if it did the plain text stands.
        if let Ok(packed) = encoder.write_all(&body).and_then(|()| encoder.finish()) {
            body = packed;
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
        }
    }
    *response.body_mut() = Full::new(body.into());
    response
}

/// Whether an `accept-encoding` names gzip (or `*`) without refusing it. Source: RFC 9110 section 12.5.3.
fn takes_gzip(accepts: &str) -> bool {
    accepts.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|coding| coding == "*" || coding.eq_ignore_ascii_case("gzip"));
        let is_refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.and_then(|weight| weight.trim().parse().ok()) == Some(0.0)
        });
        is_named && !is_refused
    })
}

fn typed(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::{below, decoded, takes_gzip};

    #[test]
    fn names_in_paths() {
        for (part, name) in [("a", "a"), ("a%20b%2Fc", "a b/c"), ("%zz%", "%zz%"), ("%c3%bc", "ü")] {
            assert_eq!(decoded(part), name);
        }
    }

    #[test]
    fn routes_end_where_a_part_of_the_path_does() {
        for (path, rest) in [
            ("/api/v1/files", Some("")),
            ("/api/v1/files/", Some("/")),
            ("/api/v1/files/api/v1/files", Some("/api/v1/files")),
            ("/api/v1/filesX", None),
            ("/api/v1/file", None),
        ] {
            assert_eq!(below(path, "/api/v1/files"), rest, "{path}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for (accepts, taken) in [
            ("gzip", true),
            ("deflate, GZip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("xgzip", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accepts), taken, "{accepts}");
        }
    }
}
