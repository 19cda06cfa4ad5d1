//! Why a TLS connection fails, and the script as judge of the peer. Source: pipyjs/filters.md section 7 (`verify`).

use crate::event::Reason;
use crate::js::{Callback, truthy};
use crate::net::{Ask, Certificate};
use crate::pipeline::{Cx, Out};
use rquickjs::Class;
use rustls_pki_types::CertificateDer;

/// Why a handshake ends: shown to people, or an exception of a script that was already logged.
pub(super) enum Failure {
    /// In words.
    Shown(String),
    /// What the stream ends with.
    Logged(Reason),
}

/// Asks `verify` about each certificate, that of the authority first, as OpenSSL does.
pub(super) struct Judge<'a, 'b, 'js> {
    /// The option.
    pub(super) verify: &'a Callback,
    pub(super) cx: &'a mut Cx<'js>,
    pub(super) out: &'a Out<'b>,
    /// Why the peer is refused.
    pub(super) failure: Option<Failure>,
}

impl Ask for Judge<'_, '_, '_> {
    fn ask(&mut self, ok: bool, chain: &[&CertificateDer<'_>]) -> bool {
        let ask = |cx: &mut Cx<'_>, der: &CertificateDer<'_>| -> Result<bool, Reason> {
            let der = der.clone().into_owned();
            let certificate = Class::instance(cx.js.clone(), Certificate { der });
            let certificate = certificate.map_err(|error| cx.failed(&self.out.place(), error))?;
            Ok(truthy(&cx.call(self.out, self.verify, (ok, certificate))?))
        };
        let failure = chain.iter().rev().find_map(|der| match ask(self.cx, der) {
            Ok(true) => None,
            Ok(false) => Some(Failure::Shown("peer refused by options.verify".to_owned())),
            Err(reason) => Some(Failure::Logged(reason)),
        });
        self.failure = failure;
        self.failure.is_none()
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Failure::Logged(reason)
    }
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Failure::Shown(error.to_string())
    }
}
