//! What kubelet and Prometheus ask: GET /healthz (an answer means that the one thread of this program goes on), GET /readyz (the
//! webhook, where there is one, has a certificate, and nobody ends us) and GET /metrics.
//! Nothing can be changed here and nothing secret is told. Not for: what the numbers are (`metrics.rs`).

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use crate::limits::{ADMIN_CONNECTIONS, ADMIN_TIMEOUT};
use crate::metrics::Metrics;
use crate::serve::{Bounds, plain};

/// Answers for ever.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: impl Fn() -> Result<(), &'static str> + Clone + Send + Sync + 'static,
) -> Infallible {
    let bounds = Bounds {
        places: ADMIN_CONNECTIONS,
        idle: ADMIN_TIMEOUT,
        // One request a connection, and who does not read its answer is left.
        life: Some(2 * ADMIN_TIMEOUT),
    };
    let evicted = Arc::clone(&metrics);
    crate::serve::serve(listener, bounds, &evicted.admin_evicted, plain, move |request| {
        let answer = answer(&request, &metrics, readiness());
        async { answer }
    })
    .await
}

fn answer(request: &Request<Incoming>, metrics: &Metrics, readiness: Result<(), &str>) -> Response<String> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, "/readyz") => match readiness {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        (&Method::GET, "/metrics") => (StatusCode::OK, metrics.text()),
        (_, "/healthz" | "/readyz" | "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned()),
        _ => (
            StatusCode::NOT_FOUND,
            "there are /healthz, /readyz and /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
