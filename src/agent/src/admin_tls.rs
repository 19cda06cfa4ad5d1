//! TLS of the admin port: one certificate, and clients' certificates where they are asked for. Not for: what scripts
//! serve. Source: pipyjs/cli.md section 2 (`--admin-tls-...`).

use crate::config::TlsFiles;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What the files give; None: no TLS was asked for.
///
/// # Errors  A message with the file that cannot be used, and why.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<Option<TlsAcceptor>, String> {
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Ok(None);
    };
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let builder = match &files.trusted {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            ServerConfig::builder().with_client_cert_verifier(verifier.map_err(|error| unusable(path, &error))?)
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(cert, &error))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unusable(path, &error))?
        .collect();
    let all = all.map_err(|error| unusable(path, &error))?;
    match all.is_empty() {
        true => Err(format!("{} holds no certificate in PEM", path.display())),
        false => Ok(all),
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{} cannot be used for the admin port: {error}", path.display())
}
