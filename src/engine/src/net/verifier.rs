//! Whom a TLS connection trusts: nobody asked, given authorities, or a script's verdict.
//! Source: pipyjs/filters.md section 7 (`trusted`, `verify`).
//!
//! The library calls its verifiers without a way to pass anything along, so whoever is to be asked is put into a scoped
//! variable of the thread while the handshake goes on ([`while_asking`]).
//!
//! Proof of possession (the signature over the handshake) is always checked. A peer whose very certificate is in the
//! list of trusted ones is trusted, as OpenSSL does with self-signed certificates.

use super::x509;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use scoped_tls_hkt::scoped_thread_local;
use std::sync::Arc;

/// Who has the last word about a peer.
pub(crate) trait Ask {
    /// `ok`: whether the chain (the peer's own certificate first) leads to an authority. True: the peer is accepted.
    fn ask(&mut self, ok: bool, chain: &[&CertificateDer<'_>]) -> bool;
}

scoped_thread_local!(static mut ASKED: for<'a> &'a mut (dyn Ask + 'a));

/// Goes on with a handshake (`run`); verifiers that were made to ask, ask `asked`.
pub(crate) fn while_asking<R>(asked: &mut dyn Ask, run: impl FnOnce() -> R) -> R {
    ASKED.set(asked, run)
}

/// Decides about peers.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    provider: Arc<CryptoProvider>,
    trusted: Vec<CertificateDer<'static>>,
    server: Option<Arc<WebPkiServerVerifier>>,
    client: Option<Arc<dyn ClientCertVerifier>>,
    /// The verdict is asked for ([`while_asking`]).
    asks: bool,
    /// The name of a server must match; only when a name was given (`sni`).
    named: bool,
}

impl PeerVerifier {
    /// For these authorities; none: every peer passes.
    ///
    /// # Errors  A certificate that cannot be an authority.
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        trusted: Vec<CertificateDer<'static>>,
        asks: bool,
        named: bool,
    ) -> Result<Arc<Self>, String> {
        let (mut server, mut client) = (None, None);
        if !trusted.is_empty() {
            let mut roots = RootCertStore::empty();
            for der in &trusted {
                roots.add(der.clone()).map_err(|error| format!("trusted: {error}"))?;
            }
            let roots = Arc::new(roots);
            let built = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
            server = Some(built.map_err(|error| format!("trusted: {error}"))?);
            let built = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
            client = Some(built.map_err(|error| format!("trusted: {error}"))?);
        }
        Ok(Arc::new(PeerVerifier {
            provider: provider.clone(),
            trusted,
            server,
            client,
            asks,
            named,
        }))
    }

    /// True when a peer must show a certificate.
    pub(crate) fn wants_certificate(&self) -> bool {
        self.asks || !self.trusted.is_empty()
    }

    /// The last word on what was found out.
    fn verdict(
        &self,
        found: Result<(), Error>,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        if !self.asks {
            return found;
        }
        let chain: Vec<_> = std::iter::once(own).chain(others).collect();
        if ASKED.is_set() && ASKED.with(|asked| asked.ask(found.is_ok(), &chain)) {
            return Ok(());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn judge_server(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(server) = &self.server else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        match server.verify_server_cert(own, others, name, ocsp, now) {
            Ok(_) => Ok(()),
            // The name is looked at last: all else was right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.named => Ok(()),
            Err(error) => self.is_trusted_itself(own, now).then_some(()).ok_or(error),
        }
    }

    fn judge_client(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(client) = &self.client else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        match client.verify_client_cert(own, others, now) {
            Ok(_) => Ok(()),
            Err(error) => self.is_trusted_itself(own, now).then_some(()).ok_or(error),
        }
    }

    fn is_trusted_itself(&self, own: &CertificateDer<'_>, now: UnixTime) -> bool {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.trusted.iter().any(|trusted| trusted == own)
            && x509::parse(own).is_some_and(|facts| facts.not_before <= now && now <= facts.not_after)
    }
}

macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(
                message,
                cert,
                dss,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                cert,
                dss,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.wants_certificate() {
            let found = self.judge_server(own, others, name, ocsp, now);
            self.verdict(found, own, others)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.client.as_ref().map_or(&[], |client| client.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let found = self.judge_client(own, others, now);
        self.verdict(found, own, others)?;
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}
