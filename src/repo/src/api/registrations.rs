//! `/api/v1/registrations?after=N`: what agents tell of their Pods' registrations since notice number N, at once or, by
//! `Prefer: wait=S`, as soon as there is one. Ours; upstream has none. For those with the writers' token.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::auth::refuse_writer;
use super::long_poll::Conditions;
use super::{App, is_read, method_not_allowed, text, with};

pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    if !is_read(request.method()) {
        return method_not_allowed("GET, HEAD");
    }
    if let Some(answer) = refuse_writer(&app, request.headers()) {
        return answer;
    }
    let query = request.uri().query().unwrap_or_default();
    let after = query.split('&').find_map(|pair| pair.strip_prefix("after="));
    let after = match after.map(str::parse).transpose() {
        Ok(after) => after,
        Err(_) => return text(StatusCode::BAD_REQUEST, "after is no number"),
    };
    let registrations = &app.repository.registrations;
    let end = Instant::now() + Conditions::of(request.headers()).patience();
    // A ticket is only for the end of the Repo: it is woken then.
    let ticket = app.repository.waiters.register("/api/v1/registrations");
    loop {
        let mut news = std::pin::pin!(registrations.news().notified());
        news.as_mut().enable();
        let mut closing = std::pin::pin!(async {
            match &ticket {
                Some(ticket) => ticket.notify.notified().await,
                None => std::future::pending().await,
            }
        });
        let (last, notices) = registrations.after(after);
        let left = end.saturating_duration_since(Instant::now());
        if !notices.is_empty() || after.is_none() || left.is_zero() || app.repository.waiters.is_closed() {
            let body = serde_json::json!({ "last": last, "registrations": notices }).to_string();
            return with(text(StatusCode::OK, body), header::CONTENT_TYPE, "application/json");
        }
        tokio::select! {
            () = &mut news => {}
            () = &mut closing => {}
            () = tokio::time::sleep(left) => {}
        }
    }
}
