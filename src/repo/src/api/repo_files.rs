//! `/api/v1/repo-files/...`: files as editors see them. Source: Repo protocol section 3.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use ballast_repo_client::limits::MAX_FILE_BYTES;
use ballast_repo_client::path::file_path;

use super::auth::refuse_writer;
use super::worker::ETAGS;
use super::{App, body, failed, is_read, method_not_allowed, outcome, path_below, refused, text, with};
use crate::change::{Change, Content, pod_uid};
use crate::error::{Error, Refused};
use crate::{model, resolve};

pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some(path) = path_below(&request, "/api/v1/repo-files") else {
        return refused(Refused::Filename);
    };
    let method = request.method().clone();
    if is_read(&method) {
        return read(&app, &path).await;
    }
    if let Some(answer) = refuse_writer(&app, request.headers()) {
        return answer;
    }
    match method {
        Method::POST => match body(&app.uploads, request.into_body(), MAX_FILE_BYTES).await {
            Ok(bytes) => upload(&app, &path, bytes).await,
            Err(answer) => *answer,
        },
        Method::PATCH => patch(&app, &path, request).await,
        Method::DELETE => match target(&app, &path) {
            Ok((name, path)) => outcome(
                app.repository.change(Change::Erase { name, path }).await,
                StatusCode::NO_CONTENT,
            ),
            Err(reason) => refused(reason),
        },
        _ => method_not_allowed("GET, HEAD, POST, PATCH, DELETE"),
    }
}

/// The newest content: edited, else committed, else inherited.
pub(super) async fn read(app: &App, path: &str) -> Response {
    let Ok(path) = file_path(path) else {
        return refused(Refused::NotFound);
    };
    let find = |state: &model::State| {
        let (name, file) = resolve::split(state, &path)?;
        Some((resolve::newest(&resolve::chain(state, name), file)?.clone(), ()))
    };
    let bytes = find(&app.repository.state()).map(|(file, ())| file.bytes);
    let Some(room) = app.room.take(bytes.unwrap_or(0)).await else {
        return failed(&Error::Busy);
    };
    match app.repository.content(find) {
        Ok(Some((bytes, file, ()))) => with(text(StatusCode::OK, room.hold(bytes)), header::ETAG, &file.hash),
        Ok(None) => text(StatusCode::NOT_FOUND, "Not found"),
        Err(error) => failed(&error),
    }
}

/// Stores the body as an edit.
pub(super) async fn upload(app: &App, path: &str, bytes: Bytes) -> Response {
    let (name, path) = match target(app, path) {
        Ok(target) => target,
        Err(reason) => return refused(reason),
    };
    let content = Content {
        hash: crate::hash(&bytes),
        uid: pod_uid(&name, &path, &bytes),
        bytes,
    };
    outcome(
        app.repository.change(Change::Upload { name, path, content }).await,
        StatusCode::CREATED,
    )
}

/// As an upload; an empty body drops the edit.
pub(super) async fn patch(app: &App, path: &str, request: Request) -> Response {
    let (name, file) = match target(app, path) {
        Ok(target) => target,
        Err(reason) => return refused(reason),
    };
    match body(&app.uploads, request.into_body(), MAX_FILE_BYTES).await {
        Ok(bytes) if bytes.is_empty() => outcome(
            app.repository.change(Change::DropEdit { name, path: file }).await,
            StatusCode::CREATED,
        ),
        Ok(bytes) => upload(app, path, bytes).await,
        Err(answer) => *answer,
    }
}

/// The codebase and the file that a path means.
fn target(app: &App, path: &str) -> Result<(String, String), Refused> {
    let state = app.repository.state();
    // The split comes first, so that a bad file name in a codebase is told from an unknown codebase.
    let (name, file) = resolve::split(&*state, path).ok_or(Refused::NotFound)?;
    let file = file_path(file).map_err(|_| Refused::Filename)?;
    if file.ends_with(&format!("/{ETAGS}")) {
        return Err(Refused::Filename);
    }
    Ok((name.to_owned(), file))
}
