//! The certificate that a side shows, with its key: the option `certificate`. Source: pipyjs/filters.md section 7.

use crate::js::{self, throw_error, throw_type};
use crate::net::{Certificate, CertificateChain, PrivateKey};
use rquickjs::{Class, Ctx, Value};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use std::sync::Arc;

/// A certificate, those above it, and the key.
#[derive(Clone)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Of `{ cert, key }`. Costs a look at the certificate; the key was made ready when its object was.
    ///
    /// # Errors  Throws for other types, and when the key is not the certificate's.
    pub(super) fn of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Self> {
        let wrong = || throw_type(ctx, "options.certificate expects { cert, key } or a function");
        let object = value.as_object().ok_or_else(wrong)?;
        let cert: Value<'js> = object.get("cert")?;
        let chain = if let Ok(certificate) = Class::<Certificate>::from_value(&cert) {
            vec![certificate.borrow().der.clone()]
        } else if let Ok(chain) = Class::<CertificateChain>::from_value(&cert) {
            chain.borrow().ders.clone()
        } else {
            return Err(wrong());
        };
        let key: Value<'js> = object.get("key")?;
        let key = Class::<PrivateKey>::from_value(&key).map_err(|_| wrong())?;
        let certified = CertifiedKey::new(chain, key.borrow().signing.clone());
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Identity(Arc::new(certified))),
            Err(Error::InconsistentKeys(_)) => Err(throw_error(
                ctx,
                "options.certificate: the private key does not belong to the certificate",
            )),
            Err(error) => Err(throw_error(ctx, &format!("options.certificate: {error}"))),
        }
    }

    /// The own certificate, DER.
    pub(super) fn own(&self) -> &[u8] {
        self.0.cert.first().map_or(&[], AsRef::as_ref)
    }
}

/// Shows one certificate, or none, to every peer.
#[derive(Debug)]
pub(super) struct Shown(Option<Arc<CertifiedKey>>);

impl Shown {
    /// This one.
    pub(super) fn of(identity: &Identity) -> Self {
        Shown(Some(identity.0.clone()))
    }

    /// None.
    pub(super) fn nothing() -> Self {
        Shown(None)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
