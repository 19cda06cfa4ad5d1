//! `connectTLS(options?)` with `.to(...)`: a TLS client around the connection that its sub-pipeline makes.
//! Example: `.connectTLS({ sni: 'example.com' }).to($ => $.connect('example.com:443'))`.
//! Source: pipyjs/filters.md section 7.

use crate::pipeline::{Spec, Subs};
use crate::session::{Side, TlsFilter, TlsOptions};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "connectTLS",
    args: "(options?)",
    about: "encrypts for a TLS server what its sub-pipeline exchanges with it",
    subs: Subs::Joint,
    build: |build| {
        let options = Rc::new(TlsOptions::parse(build.ctx, &build.arg(0), Side::Client)?);
        let sub = build.sub.clone();
        Ok(Rc::new(move || Box::new(TlsFilter::new(options.clone(), sub.clone()))))
    },
};
