//! Whom a TLS connection trusts: nobody asked, given authorities, or a script's verdict after the handshake.
//! Source: pipyjs/filters.md section 7 (`trusted`, `verify`).
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
use std::sync::Arc;

/// Decides about peers.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    provider: Arc<CryptoProvider>,
    trusted: Vec<CertificateDer<'static>>,
    server: Option<Arc<WebPkiServerVerifier>>,
    client: Option<Arc<dyn ClientCertVerifier>>,
    /// The verdict is asked for after the handshake ([`PeerVerifier::judge`]).
    deferred: bool,
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
        deferred: bool,
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
            deferred,
            named,
        }))
    }

    /// True when a peer must show a certificate.
    pub(crate) fn wants_certificate(&self) -> bool {
        self.deferred || !self.trusted.is_empty()
    }

    /// Whether the chain (the peer's own certificate first) leads to an authority; false without any.
    pub(crate) fn judge(&self, chain: &[CertificateDer<'_>], name: Option<&ServerName<'_>>) -> bool {
        let Some((own, others)) = chain.split_first() else {
            return false;
        };
        let result = match name {
            Some(name) => self.judge_server(own, others, name, &[], UnixTime::now()),
            None => self.judge_client(own, others, UnixTime::now()),
        };
        result.is_ok()
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
        if !self.deferred && !self.trusted.is_empty() {
            self.judge_server(own, others, name, ocsp, now)?;
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
        if !self.deferred {
            self.judge_client(own, others, now)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}
