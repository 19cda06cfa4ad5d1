//! `crypto.Certificate`, `crypto.CertificateChain`: PEM in and out, what a certificate says, new certificates.
//! Source: pipyjs/globals.md section 7.
//!
//! DEVIATES: a key that is not the issuer's is refused at once, for peers would refuse the certificate (test
//! `certificates_that_cannot_be`).

use super::issue::{Order, issue};
use super::keys::{PrivateKey, PublicKey, refuse_alias};
use super::pem::{source, to_pem};
use super::x509;
use crate::js::{self, JsData, Options, throw_error, throw_type};
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

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

fn certificates<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<CertificateDer<'static>>> {
    let text = source(ctx, value)?;
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

fn name_object<'js>(ctx: Ctx<'js>, parts: Vec<(String, String)>) -> js::Result<Object<'js>> {
    let object = Object::new(ctx)?;
    for (kind, value) in parts {
        object.set(kind, value)?;
    }
    Ok(object)
}

/// Names and texts of an object, in its order.
fn pairs<'js>(ctx: &Ctx<'js>, name: &str, value: Option<Value<'js>>) -> js::Result<Vec<(String, String)>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let object = value
        .as_object()
        .ok_or_else(|| throw_type(ctx, &format!("options.{name} expects an object")))?;
    let all = object.props::<String, Value<'js>>();
    all.map(|pair| pair.map(|(kind, value)| (kind, js::value_to_text(ctx, &value))))
        .collect()
}

fn issued<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Certificate> {
    let options = Options::new(ctx, value)?;
    refuse_alias(ctx, &options)?;
    let key = options.value("privateKey")?;
    let key = key.and_then(|key| Class::<PrivateKey>::from_value(&key).ok());
    let key = key.ok_or_else(|| throw_type(ctx, "options.privateKey expects a PrivateKey"))?;
    let key = key.borrow();
    let wrong = || throw_type(ctx, "options.publicKey expects a PublicKey or a PrivateKey");
    let public_key = match options.value("publicKey")? {
        // A certificate of the signer's own key.
        None => key.spki().ok_or_else(wrong)?,
        Some(value) => match Class::<PublicKey>::from_value(&value) {
            Ok(key) => key.borrow().spki.to_vec(),
            Err(_) => {
                let key = Class::<PrivateKey>::from_value(&value).map_err(|_| wrong())?;
                let spki = key.borrow().spki();
                spki.ok_or_else(wrong)?
            }
        },
    };
    let issuer = match options.value("issuer")? {
        None => None,
        Some(value) => Some(
            Class::<Certificate>::from_value(&value)
                .map_err(|_| throw_type(ctx, "options.issuer expects a Certificate"))?
                .borrow()
                .der
                .clone(),
        ),
    };
    // A signature by another key than the issuer's would be found out by peers only.
    if let Some(issuer) = &issuer
        && x509::spki(issuer) != key.spki()
    {
        return Err(throw_error(
            ctx,
            "options.privateKey is not the key of options.issuer, which has to sign",
        ));
    }
    let order = Order {
        subject: &pairs(ctx, "subject", options.value("subject")?)?,
        extensions: &pairs(ctx, "extensions", options.value("extensions")?)?,
        days: options.number("days")?.unwrap_or(365.0),
        offset: options.number("timeOffset")?.unwrap_or(0.0),
        issuer: issuer.as_deref(),
        public_key: &public_key,
        key: &*key.signing,
    };
    let der = issue(&order).map_err(|what| throw_error(ctx, &format!("cannot issue certificate: {what}")))?;
    Ok(Certificate { der: der.into() })
}

impl Certificate {
    fn facts(&self) -> x509::Facts {
        x509::parse(&self.der).unwrap_or_default()
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Certificate {
    /// `new Certificate(pem)`, or a new one: `new Certificate({ subject, extensions, days, timeOffset, issuer, publicKey,
    /// privateKey })`. `timeOffset`: seconds from now to the start of validity.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Value<'js>) -> js::Result<Self> {
        if from.is_object() && Class::<JsData>::from_value(&from).is_err() {
            return issued(&ctx, &from);
        }
        let first = certificates(&ctx, &from)?.into_iter().next();
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
        to_pem(ctx, "CERTIFICATE", &self.der)
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
