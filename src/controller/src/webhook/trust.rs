//! Whether a certificate can be served, and whether one is taken by those who trust some authorities, as rustls sees it. Pure.
//! Not for: what is done about it (`chain.rs`).

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::CryptoProvider;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// What serves a certificate (behind it those between it and its authority) with its key, both PEM.
///
/// # Errors
/// What of them is no PEM, or no pair.
pub(super) fn server_config(chain: &[u8], key: &[u8]) -> Result<ServerConfig, String> {
    let chain = certificates("tls.crt", chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| format!("tls.key: {e}"))?;
    let pair = |e: rustls::Error| format!("tls.crt and tls.key: {e}");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(pair)?;
    config.with_no_client_auth().with_single_cert(chain, key).map_err(pair)
}

/// Whether who trusts `bundle` takes the certificate `chain` for `host` at `at`, seconds of Unix time.
///
/// # Errors
/// Why not.
pub(super) fn verify(bundle: &str, chain: &[u8], host: &str, at: u64) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("an authority", bundle.as_bytes())? {
        roots.add(authority).map_err(|e| format!("an authority: {e}"))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.build().map_err(|e| format!("the authorities: {e}"))?;
    let chain = certificates("tls.crt", chain)?;
    let (leaf, between) = chain.split_first().ok_or("tls.crt: it holds no certificate")?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| format!("name {host:?}: {e}"))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let verified = verifier.verify_server_cert(leaf, between, &name, &[], at);
    verified.map(drop).map_err(|e| format!("tls.crt: {e}"))
}

/// Those certificates of a PEM text that something can be verified by; the others are left out.
pub(super) fn authorities(bundle: &[u8]) -> Vec<CertificateDer<'static>> {
    let readable = CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok);
    readable
        .filter(|authority| RootCertStore::empty().add(authority.clone()).is_ok())
        .collect()
}

fn certificates(what: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    read.map_err(|e| format!("{what}: {e}"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
