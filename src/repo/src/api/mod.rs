//! The HTTP face: route table, shared answers, limits on bodies. Handlers are thin: path and headers in, a change or a look at
//! the state, an answer out. Source: Repo protocol sections 2 to 4; design.md 4.

mod auth;
mod long_poll;
mod registrations;
mod repo;
mod repo_files;
mod room;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::config::Writers;
use crate::error::{Error, Refused};
use crate::repository::Repository;

/// Bodies that are read at a time, of writers and of reporting workers each.
const MAX_BODIES: usize = 64;
/// Time for a body to arrive, the wait for its turn included.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers share.
pub(crate) struct App {
    pub(crate) repository: Arc<Repository>,
    pub(crate) writers: Writers,
    uploads: Semaphore,
    reports: Semaphore,
    room: room::Room,
}

/// The address of the client.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) std::net::SocketAddr);

impl App {
    pub(crate) fn new(repository: Arc<Repository>, writers: Writers) -> Self {
        Self {
            repository,
            writers,
            uploads: Semaphore::new(MAX_BODIES),
            reports: Semaphore::new(MAX_BODIES),
            room: room::Room::default(),
        }
    }
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/repo", any(worker::handle))
        .route("/repo/", any(worker::handle))
        .route("/repo/{*path}", any(worker::handle))
        .route("/api/v1/registrations", any(registrations::handle))
        .route("/api/v1/repo", any(repo::handle))
        .route("/api/v1/repo/", any(repo::handle))
        .route("/api/v1/repo/{*path}", any(repo::handle))
        .route("/api/v1/repo-files/{*path}", any(repo_files::handle))
        .fallback(async || text(StatusCode::NOT_FOUND, "Not found"))
        .layer(axum::middleware::map_response(async |mut response: Response| {
            response
                .headers_mut()
                .insert(header::SERVER, HeaderValue::from_static("pipy-repo"));
            response
        }))
        .with_state(app)
}

/// A plain-text answer; an empty text is an empty body.
fn text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn refused(refused: Refused) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    text(status, refused.to_string())
}

fn failed(error: &Error) -> Response {
    let status = match error {
        Error::Store { is_full: true, .. } => StatusCode::INSUFFICIENT_STORAGE,
        Error::Busy | Error::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    text(status, error.to_string())
}

/// The answer to a change that is done with `done`.
fn outcome(outcome: Result<Result<(), Refused>, Error>, done: StatusCode) -> Response {
    match outcome {
        Ok(Ok(())) => text(done, Body::empty()),
        Ok(Err(reason)) => refused(reason),
        Err(error) => failed(&error),
    }
}

fn method_not_allowed(allowed: &'static str) -> Response {
    with(
        text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        header::ALLOW,
        allowed,
    )
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The decoded path behind `prefix`, with a leading slash unless empty. `None`: it is not UTF-8.
fn path_below(request: &Request, prefix: &str) -> Option<String> {
    let rest = request.uri().path().strip_prefix(prefix)?;
    Some(percent_decode_str(rest).decode_utf8().ok()?.into_owned())
}

/// Reads a body of at most `limit` bytes.
async fn body(permits: &Semaphore, body: Body, limit: usize) -> Result<Bytes, Box<Response>> {
    let too_slow = |_| Box::new(text(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"));
    let read = async {
        let _permit = permits.acquire().await;
        // A copy: the original is a slice of a read buffer that is several times as large.
        axum::body::to_bytes(body, limit)
            .await
            .map(|bytes| Bytes::copy_from_slice(&bytes))
    };
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .map_err(too_slow)?
        .map_err(|e| {
            let is_long = std::error::Error::source(&e).is_some_and(|cause| cause.to_string().contains("limit"));
            Box::new(if is_long {
                refused(Refused::TooLarge)
            } else {
                text(StatusCode::BAD_REQUEST, "The body broke off")
            })
        })
}

/// The JSON object in a body; an empty body is an empty object.
fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Refused::Json),
    }
}
