//! `/repo/...`: what workers read, and their status reports. Only committed contents. Source: Repo protocol sections 1.2, 2;
//! design.md 4 (long poll, 409, 410, alias by UID, tar).

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::Response;
use ballast_repo_client::limits::{MAX_STATUS_BYTES, POD_UID_HEADER, REVISION_HEADER, TAR_TYPE};
use ballast_repo_client::path::codebase_name;

use super::long_poll::Conditions;
use super::{App, Peer, body, failed, is_read, method_not_allowed, object, path_below, refused, text, with};
use crate::error::Error;
use crate::model::{self, Lookup, UID_PREFIX};
use crate::resolve::{self, Served};

/// The last segment of a path that lists file versions.
pub(super) const ETAGS: &str = "_etags";

/// What a path stands for.
enum Target {
    /// The root of a codebase that is served; the key wakes those who wait for it.
    Root(String),
    File(String, String),
    /// Versions of the files in a folder (`""` or `/folder`).
    Etags(String, String),
    /// Names of codebases below a prefix.
    Names(String),
    Gone,
    Missing,
    Conflict,
}

pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some(path) = path_below(&request, "/repo") else {
        return missing();
    };
    match *request.method() {
        ref method if is_read(method) => read(app, &path, request).await,
        Method::POST => report(&app, &path, request).await,
        _ => method_not_allowed("GET, HEAD, POST"),
    }
}

async fn read(app: Arc<App>, path: &str, request: Request) -> Response {
    let headers = request.headers();
    let uid = headers.get(POD_UID_HEADER).and_then(|value| value.to_str().ok());
    let conditions = Conditions::of(headers);
    let key = path.strip_suffix('/').unwrap_or(path).to_owned();
    // Only those who ask for a wait register, and before the first look, so that no change falls between look and wait.
    let ticket = conditions.wait.and_then(|_| app.repository.waiters.register(&key));
    let applied = |response: Response| match (&ticket, conditions.wait) {
        (Some(_), Some(seconds)) => with(
            response,
            HeaderName::from_static("preference-applied"),
            &format!("wait={seconds}"),
        ),
        _ => response,
    };
    let end = Instant::now() + conditions.patience();
    loop {
        let notified = ticket.as_ref().map(|ticket| ticket.notify.notified());
        let mut notified = std::pin::pin!(notified);
        if let Some(notified) = notified.as_mut().as_pin_mut() {
            notified.enable();
        }
        let target = target(&app.repository.state(), path, uid);
        let left = end.saturating_duration_since(Instant::now());
        let may_wait = !left.is_zero() && !app.repository.waiters.is_closed();
        let answer = match target {
            Target::Root(name) => {
                let served = resolve::served(&*app.repository.state(), &name);
                match served {
                    Some(served) if !conditions.holds(&served.version, served.revision) => {
                        return applied(root(&app, name, served, headers).await);
                    }
                    Some(served) => versioned(text(StatusCode::NOT_MODIFIED, Body::empty()), &served),
                    None => missing(),
                }
            }
            // Who holds something is told at once that it is no longer his; who holds nothing waits for something.
            Target::Gone if conditions.holds_any() => return applied(gone()),
            Target::Conflict if conditions.holds_any() => return applied(conflict()),
            Target::Gone => gone(),
            Target::Conflict => conflict(),
            Target::Missing => missing(),
            Target::File(name, file) => return content(&app, &name, &file, headers).await,
            Target::Etags(name, folder) => return etags(&app, &name, &folder),
            Target::Names(prefix) => return names(&app, &prefix),
        };
        match notified.as_mut().as_pin_mut() {
            // Woken or not, another look decides.
            Some(notified) if may_wait => drop(tokio::time::timeout(left, notified).await),
            _ => return applied(answer),
        }
    }
}

fn target(state: &model::State, path: &str, uid: Option<&str>) -> Target {
    if path.trim_matches('/').is_empty() {
        return Target::Names("/".to_owned());
    }
    let Ok(plain) = codebase_name(path) else {
        return Target::Missing;
    };
    let is_folder = path.ends_with('/');
    let real = match plain.strip_prefix(UID_PREFIX) {
        None => plain,
        Some(rest) => {
            let (alias, file) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match state.by_uid(alias) {
                Some(name) => format!("{name}{file}"),
                None if state.is_gone(&format!("{UID_PREFIX}{alias}")) => return Target::Gone,
                None => return Target::Missing,
            }
        }
    };
    let Some((name, file)) = resolve::split(state, &real) else {
        return if is_gone(state, "", &real) {
            Target::Gone
        } else {
            prefix(state, &real)
        };
    };
    if is_gone(state, name, &real) {
        return Target::Gone;
    }
    if is_folder && !file.is_empty() {
        return prefix(state, &real);
    }
    let pod = state.get(name).and_then(model::Codebase::uid);
    if uid.is_some() && pod.is_some() && uid != pod {
        return Target::Conflict;
    }
    match file {
        "" => Target::Root(name.to_owned()),
        file => match file.strip_suffix(ETAGS).and_then(|folder| folder.strip_suffix('/')) {
            Some(folder) => Target::Etags(name.to_owned(), folder.to_owned()),
            None => Target::File(name.to_owned(), file.to_owned()),
        },
    }
}

/// Names below it, if there are any.
fn prefix(state: &model::State, real: &str) -> Target {
    let prefix = format!("{real}/");
    let is_prefix = state.names_below(&prefix).next().is_some();
    if is_prefix {
        Target::Names(prefix)
    } else {
        Target::Missing
    }
}

/// Whether a codebase below `name` was deleted whose root or file the path is.
fn is_gone(state: &model::State, name: &str, path: &str) -> bool {
    let slashes = path.match_indices('/').map(|(at, _)| at).filter(|&at| at > name.len());
    slashes
        .chain([path.len()])
        .any(|end| end > name.len() && state.is_gone(&path[..end]))
}

async fn root(app: &Arc<App>, name: String, served: Served, headers: &HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let wants_tar = accept
        .split(',')
        .any(|range| range.split(';').next().map(str::trim) == Some(TAR_TYPE));
    // The first entry of a tar is the main script, so without it there is only the list.
    if !wants_tar || !served.files.contains_key(&served.main) {
        return versioned(text(StatusCode::OK, resolve::list(&served)), &served);
    }
    let Some(room) = app.room.take(tar_bytes(&served)).await else {
        return failed(&Error::Busy);
    };
    let app = Arc::clone(app);
    let packed = tokio::task::spawn_blocking(move || pack(&app, &name, served)).await;
    match packed.unwrap_or(Err(Error::Closed)) {
        Ok(Some((tar, served))) => versioned(
            with(text(StatusCode::OK, room.hold(tar)), header::CONTENT_TYPE, TAR_TYPE),
            &served,
        ),
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

/// All files in one tar; looks again when one was replaced meanwhile.
fn pack(app: &App, name: &str, served: Served) -> Result<Option<(Bytes, Served)>, Error> {
    let mut next = Some(served);
    for _ in 0..8 {
        let Some(served) = next else { return Ok(None) };
        if let Some(tar) = tar(app, &served)? {
            return Ok(Some((tar, served)));
        }
        next = resolve::served(&*app.repository.state(), name);
    }
    Err(Error::Busy)
}

fn tar(app: &App, served: &Served) -> Result<Option<Bytes>, Error> {
    let wrong = |e: std::io::Error| Error::Data(format!("pack a tar: {e}"));
    let mut builder = tar::Builder::new(Vec::with_capacity(tar_bytes(served)));
    let main = served.files.get_key_value(&served.main);
    let others = served.files.iter().filter(|(path, _)| **path != served.main);
    for (path, file) in main.into_iter().chain(others) {
        let Some(bytes) = app.repository.read(file)? else {
            return Ok(None);
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, path.trim_start_matches('/'), &bytes[..])
            .map_err(wrong)?;
    }
    Ok(Some(builder.into_inner().map_err(wrong)?.into()))
}

/// With a header and padding for each file.
fn tar_bytes(served: &Served) -> usize {
    served.files.values().map(|file| file.bytes + 1024).sum::<usize>() + 1024
}

async fn content(app: &App, name: &str, path: &str, headers: &HeaderMap) -> Response {
    let bytes = resolve::committed(&resolve::chain(&*app.repository.state(), name), path).map(|file| file.bytes);
    let Some(room) = app.room.take(bytes.unwrap_or(0)).await else {
        return failed(&Error::Busy);
    };
    let found = app.repository.content(|state| {
        let chain = resolve::chain(state, name);
        let own = chain.first().filter(|own| resolve::is_served(state, own))?;
        let file = resolve::committed(&chain, path)?.clone();
        Some((file, (resolve::version(state, own), resolve::revision(&chain))))
    });
    match found {
        Ok(Some((bytes, file, _))) => {
            let is_known = Conditions::of(headers).holds(&file.hash, 0);
            let answer = match is_known {
                true => text(StatusCode::NOT_MODIFIED, Body::empty()),
                false => text(StatusCode::OK, room.hold(bytes)),
            };
            with(answer, header::ETAG, &file.hash)
        }
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

/// Lines `path#version` of the files below a folder; paths are the codebase's.
fn etags(app: &App, name: &str, folder: &str) -> Response {
    let Some(served) = resolve::served(&*app.repository.state(), name) else {
        return missing();
    };
    let below = format!("{folder}/");
    let files = served.files.iter().filter(|(path, _)| path.starts_with(&below));
    let lines: String = files.map(|(path, file)| format!("{path}#{}\n", file.hash)).collect();
    if lines.is_empty() && !folder.is_empty() {
        return missing();
    }
    versioned(text(StatusCode::OK, lines), &served)
}

fn names(app: &App, prefix: &str) -> Response {
    let lines: String = app
        .repository
        .state()
        .names_below(prefix)
        .map(|name| format!("{name}/\n"))
        .collect();
    match lines.is_empty() {
        true => missing(),
        false => text(StatusCode::OK, lines),
    }
}

async fn report(app: &App, path: &str, request: Request) -> Response {
    let uid = request
        .headers()
        .get(POD_UID_HEADER)
        .and_then(|value| value.to_str().ok());
    let target = target(&app.repository.state(), path, uid);
    let name = match target {
        Target::Root(name) => name,
        Target::Gone => {
            if let (Ok(name), Ok(bytes)) = (
                codebase_name(path),
                body(&app.reports, request.into_body(), MAX_STATUS_BYTES).await,
            ) {
                app.repository.last_report(&name, object(&bytes).unwrap_or_default());
            }
            return gone();
        }
        Target::Conflict => return conflict(),
        Target::Missing => return missing(),
        _ => return method_not_allowed("GET, HEAD"),
    };
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|peer| peer.0.ip().to_string())
        .unwrap_or_default();
    let bytes = match body(&app.reports, request.into_body(), MAX_STATUS_BYTES).await {
        Ok(bytes) => bytes,
        Err(answer) => return *answer,
    };
    let status = match object(&bytes) {
        Ok(status) if !status.is_empty() => status,
        _ => return refused(crate::error::Refused::Json),
    };
    // Metrics of this form are understood (and not kept), so that the next ones may be the short, incremental ones.
    let understood = status.get("metrics").is_some_and(|metrics| metrics["roots"].is_array());
    if !app.repository.report(&name, status, &peer) {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many instances, or too long a uuid or ip",
        );
    }
    text(
        if understood {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::CREATED
        },
        Body::empty(),
    )
}

fn versioned(response: Response, served: &Served) -> Response {
    let response = with(response, header::ETAG, &served.version);
    with(
        response,
        HeaderName::from_static(REVISION_HEADER),
        &served.revision.to_string(),
    )
}

fn missing() -> Response {
    text(StatusCode::NOT_FOUND, "Not found")
}

fn gone() -> Response {
    text(StatusCode::GONE, "The codebase was deleted")
}

fn conflict() -> Response {
    text(StatusCode::CONFLICT, "The codebase is that of another Pod of this name")
}
