//! The admission webhook: what labelled Pods get on their way in. Every replica answers, leader or not. Whatever comes, no Pod
//! is refused by an answer of ours: one that is none is an HTTP error, and the API server goes by the failure policy.
//!
//! - `review`: AdmissionReview in, AdmissionReview out
//! - `mutate`: which of it a Pod gets, as a JSON patch; `inject`: the containers; `proxy_values`:
//!   what is handed on to one
//! - `validate`: warnings for the person who applies
//! - `settings`, `options`: what can be set
//! - `certificate`: the Secret that all replicas serve from; `authority`, `chain`: who makes what is in it;
//!   `trust`: what rustls says of it
//!
//! Source: Kubernetes, "Dynamic Admission Control"; API admission.k8s.io/v1.

mod authority;
mod certificate;
mod chain;
mod inject;
mod mutate;
pub(crate) mod options;
mod proxy_values;
mod review;
mod settings;
mod trust;
mod validate;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::limits::{LONG_REVIEW_BYTES, LONG_REVIEWS, REVIEW_BYTES, REVIEW_TIMEOUT, WEBHOOK_CONNECTIONS, WEBHOOK_IDLE};
use crate::metrics::Metrics;
use crate::serve::{self, Bounds};

pub(crate) use authority::keep as keep_authority;
pub(crate) use certificate::{Certificate, follow as follow_certificate};
pub(crate) use options::Options;
pub(crate) use settings::Settings;

/// Where reviews go.
const PATH: &str = "/mutate";

/// What all answers need.
#[derive(Clone)]
pub(crate) struct Reviewer {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    /// Whether we are about to end.
    stopping: Arc<AtomicBool>,
    /// Taken while a long review is read.
    long: Arc<Semaphore>,
}

impl Reviewer {
    pub(crate) fn new(settings: Settings, metrics: Arc<Metrics>, stopping: Arc<AtomicBool>) -> Self {
        Self {
            settings: Arc::new(settings),
            metrics,
            stopping,
            long: Arc::new(Semaphore::new(LONG_REVIEWS)),
        }
    }
}

/// Answers reviews for ever, with the newest certificate.
pub(crate) async fn serve(listener: TcpListener, certificate: Certificate, reviewer: Reviewer) -> Infallible {
    let bounds = Bounds {
        places: WEBHOOK_CONNECTIONS,
        idle: WEBHOOK_IDLE,
        life: None,
    };
    let secure = move |stream| {
        // A connection keeps what it began with; none is made while there is no certificate.
        let config = certificate.borrow().clone();
        async move {
            let handshake = TlsAcceptor::from(config?).accept(stream);
            let stream = tokio::time::timeout(REVIEW_TIMEOUT, handshake).await.ok()?.ok()?;
            Some(TokioIo::new(stream))
        }
    };
    let metrics = Arc::clone(&reviewer.metrics);
    serve::serve(listener, bounds, &metrics.webhook_evicted, secure, move |request| {
        let reviewer = reviewer.clone();
        async move { reviewer.answer(request).await }
    })
    .await
}

impl Reviewer {
    async fn answer(&self, request: Request<Incoming>) -> Response<String> {
        let reviewed = match (request.method(), request.uri().path()) {
            (&Method::POST, PATH) => match self.body(request).await {
                Ok(body) => review::answer(&body, &self.settings).map_err(|reason| (StatusCode::BAD_REQUEST, reason)),
                Err(refusal) => Err(refusal),
            },
            (_, PATH) => Err((StatusCode::METHOD_NOT_ALLOWED, "POST only".to_owned())),
            _ => Err((StatusCode::NOT_FOUND, format!("there is {PATH}"))),
        };
        let (status, kind, text) = match reviewed {
            Ok(answer) => {
                self.metrics.reviewed(Some(answer.is_patched));
                (StatusCode::OK, "application/json", answer.text)
            }
            Err((status, reason)) => {
                self.metrics.reviewed(None);
                tracing::debug!(%status, "review: {reason}");
                (status, "text/plain", format!("ballast-webhook: {reason}\n"))
            }
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if self.stopping.load(Ordering::Relaxed) {
            // The next review comes by another connection, and so to another replica.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// All of it, within the bounds.
    async fn body(&self, request: Request<Incoming>) -> Result<Vec<u8>, (StatusCode, String)> {
        match tokio::time::timeout(REVIEW_TIMEOUT, self.whole(request.into_body())).await {
            Ok(read) => read,
            Err(_) => Err((
                StatusCode::REQUEST_TIMEOUT,
                format!("the review did not arrive within {REVIEW_TIMEOUT:?}"),
            )),
        }
    }

    async fn whole(&self, mut body: Incoming) -> Result<Vec<u8>, (StatusCode, String)> {
        let too_long = || {
            let reason = format!("a review of more than {REVIEW_BYTES} bytes");
            (StatusCode::PAYLOAD_TOO_LARGE, reason)
        };
        // Before any of it is read: who waits to be told to go on (`Expect`) sends none of it, and so hears this.
        if body.size_hint().lower() > REVIEW_BYTES as u64 {
            return Err(too_long());
        }
        let (mut whole, mut turn) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| (StatusCode::BAD_REQUEST, format!("read the review: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            let length = whole.len() + data.len();
            if length > REVIEW_BYTES {
                return Err(too_long());
            }
            if length > LONG_REVIEW_BYTES && turn.is_none() {
                // Nobody closes it.
                turn = self.long.acquire().await.ok();
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole)
    }
}
