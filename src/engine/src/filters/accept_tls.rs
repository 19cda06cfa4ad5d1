//! `acceptTLS(options)` with `.to(...)`: a TLS server around its sub-pipeline.
//! Example: `.acceptTLS({ certificate: { cert, key } }).to($ => $.demuxHTTP().to(...))`.
//! Source: pipyjs/filters.md section 7.

use crate::pipeline::{Spec, Subs};
use crate::session::{Side, TlsFilter, TlsOptions};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "acceptTLS",
    args: "(options)",
    about: "decrypts what a TLS client sends for its sub-pipeline, and encrypts what that answers",
    subs: Subs::Joint,
    build: |build| {
        let options = Rc::new(TlsOptions::parse(build.ctx, &build.arg(0), Side::Server)?);
        let sub = build.sub.clone();
        Ok(Rc::new(move || Box::new(TlsFilter::new(options.clone(), sub.clone()))))
    },
};
