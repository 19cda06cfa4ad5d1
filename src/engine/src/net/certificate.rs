//! `crypto.Certificate`, `crypto.CertificateChain`, `crypto.PrivateKey`: PEM in and out, and what a certificate says.
//! Not here: issuing certificates. Source: pipyjs/globals.md section 7.

use super::x509;
use crate::data::Data;
use crate::js::{self, JsData, throw_error, throw_type, value_to_data};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use rustls::sign::SigningKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::rc::Rc;
use std::sync::Arc;

/// A certificate.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub struct Certificate {
    #[qjs(skip_trace)]
    pub(crate) der: CertificateDer<'static>,
}

/// Several certificates, the server's own first.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub struct CertificateChain {
    #[qjs(skip_trace)]
    pub(crate) ders: Vec<CertificateDer<'static>>,
}

/// A private key.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub struct PrivateKey {
    #[qjs(skip_trace)]
    pub(crate) key: Rc<PrivateKeyDer<'static>>,
    /// Ready to sign for TLS: making it so costs more than a signature.
    #[qjs(skip_trace)]
    pub(crate) signing: Arc<dyn SigningKey>,
}

fn pem<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<u8>> {
    let data = value_to_data(ctx, value).ok_or_else(|| throw_type(ctx, "argument 1 expects a string or a Data"))?;
    Ok(data.to_vec())
}

fn certificates<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<CertificateDer<'static>>> {
    let text = pem(ctx, value)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| throw_error(ctx, &format!("cannot read certificate: {error}")))?;
    if all.is_empty() {
        return Err(throw_error(ctx, "cannot read certificate: no BEGIN CERTIFICATE in it"));
    }
    if all.iter().any(|der| x509::parse(der).is_none()) {
        return Err(throw_error(ctx, "cannot read certificate: not valid DER"));
    }
    Ok(all)
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn data<'js>(ctx: Ctx<'js>, text: &str) -> js::Result<Class<'js, JsData>> {
    Class::instance(ctx, JsData { data: Data::from(text) })
}

fn name_object<'js>(ctx: Ctx<'js>, parts: Vec<(String, String)>) -> js::Result<Object<'js>> {
    let object = Object::new(ctx)?;
    for (kind, value) in parts {
        object.set(kind, value)?;
    }
    Ok(object)
}

impl Certificate {
    fn facts(&self) -> x509::Facts {
        x509::parse(&self.der).unwrap_or_default()
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Certificate {
    /// `new Certificate(pem)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, source: Value<'js>) -> js::Result<Self> {
        let first = certificates(&ctx, &source)?.into_iter().next();
        let der = first.ok_or_else(|| throw_error(&ctx, "cannot read certificate"))?;
        Ok(Certificate { der })
    }

    /// Parts of the subject's name.
    #[qjs(get)]
    pub fn subject<'js>(&self, ctx: Ctx<'js>) -> js::Result<Object<'js>> {
        name_object(ctx, self.facts().subject)
    }

    /// Parts of the issuer's name.
    #[qjs(get)]
    pub fn issuer<'js>(&self, ctx: Ctx<'js>) -> js::Result<Object<'js>> {
        name_object(ctx, self.facts().issuer)
    }

    /// Names that the certificate is for.
    #[qjs(get, rename = "subjectAltNames")]
    pub fn alt_names(&self) -> Vec<String> {
        self.facts().alt_names
    }

    /// Start of validity, milliseconds since 1970.
    #[qjs(get)]
    pub fn not_before(&self) -> f64 {
        self.facts().not_before as f64 * 1000.0
    }

    /// End of validity, milliseconds since 1970.
    #[qjs(get)]
    pub fn not_after(&self) -> f64 {
        self.facts().not_after as f64 * 1000.0
    }

    /// As PEM.
    #[qjs(rename = "toPEM")]
    pub fn to_pem<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        data(ctx, &to_pem("CERTIFICATE", &self.der))
    }
}

#[rquickjs::methods]
impl CertificateChain {
    /// `new CertificateChain(pem)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, source: Value<'js>) -> js::Result<Self> {
        Ok(CertificateChain {
            ders: certificates(&ctx, &source)?,
        })
    }
}

#[rquickjs::methods]
impl PrivateKey {
    /// `new PrivateKey(pem)`: PKCS #8, PKCS #1 or SEC 1.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, source: Value<'js>) -> js::Result<Self> {
        let text = pem(&ctx, &source)?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| throw_error(&ctx, &format!("cannot read private key: {error}")))?;
        let signing = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|error| throw_error(&ctx, &format!("cannot use private key: {error}")))?;
        Ok(PrivateKey {
            key: Rc::new(key),
            signing,
        })
    }

    /// As PEM.
    #[qjs(rename = "toPEM")]
    pub fn to_pem<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        let label = match &*self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        data(ctx, &to_pem(label, self.key.secret_der()))
    }
}
