//! The admission webhook: what labelled Pods get on their way in. Every replica answers, leader or not. Whatever comes, no Pod
//! is refused by an answer of ours: one that is none is an HTTP error, and the API server goes by the failure policy.
//!
//! - `review`: AdmissionReview in, AdmissionReview out
//! - `mutate`: which of it a Pod gets, as a JSON patch; `inject`: the containers
//! - `validate`: warnings for the person who applies
//! - `settings`, `options`: what can be set
//! - `certificate`: the Secret that all replicas serve from; `authority`, `chain`: who makes what is in it
//!
//! Source: Kubernetes, "Dynamic Admission Control"; API admission.k8s.io/v1.

mod authority;
mod certificate;
mod chain;
mod inject;
mod mutate;
pub(crate) mod options;
mod review;
mod settings;
mod validate;

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::limits::{REVIEW_BYTES, REVIEW_TIMEOUT, WEBHOOK_CONNECTIONS, WEBHOOK_IDLE};
use crate::metrics::Metrics;
use crate::serve::{self, Bounds};

pub(crate) use authority::keep as keep_authority;
pub(crate) use certificate::{Certificate, follow as follow_certificate};
pub(crate) use options::Options;
pub(crate) use settings::Settings;

/// Where reviews go.
const PATH: &str = "/mutate";

/// Answers reviews for ever, with the newest certificate.
pub(crate) async fn serve(
    listener: TcpListener,
    certificate: Certificate,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
) -> Infallible {
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
    serve::serve(listener, bounds, secure, move |request| {
        let (settings, metrics) = (Arc::clone(&settings), Arc::clone(&metrics));
        async move { answer(request, &settings, &metrics).await }
    })
    .await
}

async fn answer(request: Request<Incoming>, settings: &Settings, metrics: &Metrics) -> Response<String> {
    let reviewed = match (request.method(), request.uri().path()) {
        (&Method::POST, PATH) => match body(request).await {
            Ok(body) => review::answer(&body, settings).map_err(|reason| (StatusCode::BAD_REQUEST, reason)),
            Err(refusal) => Err(refusal),
        },
        (_, PATH) => Err((StatusCode::METHOD_NOT_ALLOWED, "POST only".to_owned())),
        _ => Err((StatusCode::NOT_FOUND, format!("there is {PATH}"))),
    };
    let (status, kind, text) = match reviewed {
        Ok(answer) => {
            metrics.reviewed(Some(answer.is_patched));
            (StatusCode::OK, "application/json", answer.text)
        }
        Err((status, reason)) => {
            metrics.reviewed(None);
            tracing::debug!(%status, "review: {reason}");
            (status, "text/plain", format!("ballast-webhook: {reason}\n"))
        }
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// All of it, within the bounds.
async fn body(request: Request<Incoming>) -> Result<bytes::Bytes, (StatusCode, String)> {
    let whole = Limited::new(request.into_body(), REVIEW_BYTES).collect();
    match tokio::time::timeout(REVIEW_TIMEOUT, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a review of more than {REVIEW_BYTES} bytes"),
        )),
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, format!("read the review: {error}"))),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            format!("the review did not arrive within {REVIEW_TIMEOUT:?}"),
        )),
    }
}
