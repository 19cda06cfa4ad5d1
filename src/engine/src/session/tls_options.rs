//! Options of `acceptTLS` and `connectTLS`. Source: pipyjs/filters.md section 7.
//! `ciphers` and `dhparam` are accepted and have no effect: the library only has suites that are safe.

use crate::js::{self, Callback, Options, throw_error, throw_type};
use crate::net::{Certificate, CertificateChain, PeerVerifier, PrivateKey, tls_provider};
use rquickjs::{Class, Ctx, Value};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

const VERSIONS: [(&str, u8); 4] = [("TLS1", 0), ("TLS1.1", 1), ("TLS1.2", 2), ("TLS1.3", 3)];

/// Which end we are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// `connectTLS`: input is plain, the sub-pipeline is the wire.
    Client,
    /// `acceptTLS`: input is the wire, the sub-pipeline is plain.
    Server,
}

/// A certificate with its key.
#[derive(Clone)]
pub(super) struct Identity {
    /// The own certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Of the first certificate.
    pub(super) key: Rc<PrivateKeyDer<'static>>,
}

/// An option that may be a function.
#[derive(Clone)]
pub(super) enum Given<T> {
    /// As it is.
    Value(T),
    /// Asked for each connection.
    Call(Callback),
}

/// Options, parsed when the layout is built.
pub(crate) struct TlsOptions {
    pub(super) side: Side,
    pub(super) identity: Option<Given<Identity>>,
    pub(super) verify: Option<Callback>,
    pub(super) on_state: Option<Callback>,
    pub(super) handshake: Option<Callback>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) alpn: Option<Given<Vec<String>>>,
    pub(super) sni: Option<Given<String>>,
    /// Made at the first connection; kept when no option is a function.
    pub(super) client: OnceCell<Arc<ClientConfig>>,
    pub(super) server: OnceCell<Arc<ServerConfig>>,
    pub(super) verifier: Arc<PeerVerifier>,
}

impl TlsOptions {
    /// Reads them.
    ///
    /// # Errors  Throws for wrong types, unusable certificates and versions older than TLS 1.2 as the newest.
    pub(crate) fn parse<'js>(ctx: &Ctx<'js>, value: &Value<'js>, side: Side) -> js::Result<Self> {
        let options = Options::new(ctx, value)?;
        let identity = match options.value("certificate")? {
            None => None,
            Some(value) => Some(match Callback::from_value(ctx, &value) {
                Some(callback) => Given::Call(callback),
                None => Given::Value(identity(ctx, &value)?),
            }),
        };
        let sni = match options.value("sni")? {
            None => None,
            Some(value) => Some(match Callback::from_value(ctx, &value) {
                Some(callback) => Given::Call(callback),
                None => Given::Value(options.string("sni")?.unwrap_or_default()),
            }),
        };
        let alpn = match options.value("alpn")? {
            None => None,
            Some(value) => Some(match Callback::from_value(ctx, &value) {
                Some(callback) => Given::Call(callback),
                None => Given::Value(names(ctx, &value)?),
            }),
        };
        let trusted = trusted(ctx, options.value("trusted")?)?;
        let verify = match options.callback("verify")? {
            Some(verify) => Some(verify),
            None => options.callback("onVerify")?,
        };
        let named = sni.is_some();
        let verifier = PeerVerifier::new(&tls_provider(), trusted, verify.is_some(), named)
            .map_err(|what| throw_error(ctx, &what))?;
        Ok(TlsOptions {
            side,
            identity,
            verify,
            on_state: options.callback("onState")?,
            handshake: options.callback("handshake")?,
            versions: versions(ctx, &options)?,
            alpn,
            sni,
            client: OnceCell::new(),
            server: OnceCell::new(),
            verifier,
        })
    }
}

fn trusted<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> js::Result<Vec<CertificateDer<'static>>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let wrong = || throw_type(ctx, "options.trusted expects an array of certificates");
    let array = value.as_array().ok_or_else(wrong)?;
    let mut all = Vec::new();
    for item in array.iter::<Value>() {
        let item = item?;
        if let Ok(certificate) = Class::<Certificate>::from_value(&item) {
            all.push(certificate.borrow().der.clone());
        } else if let Ok(chain) = Class::<CertificateChain>::from_value(&item) {
            all.extend(chain.borrow().ders.iter().cloned());
        } else {
            return Err(wrong());
        }
    }
    Ok(all)
}

/// `{ cert, key }`.
pub(super) fn identity<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Identity> {
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
    let key = key.borrow().key.clone();
    Ok(Identity { chain, key })
}

/// A name or an array of names, for ALPN.
pub(super) fn names<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<String>> {
    if let Some(text) = value.as_string() {
        return Ok(vec![text.to_string()?]);
    }
    let wrong = || throw_type(ctx, "options.alpn expects a string, an array of strings or a function");
    let array = value.as_array().ok_or_else(wrong)?;
    array.iter::<String>().collect::<js::Result<_>>().map_err(|_| {
        ctx.catch();
        wrong()
    })
}

fn versions(ctx: &Ctx<'_>, options: &Options<'_>) -> js::Result<Vec<&'static SupportedProtocolVersion>> {
    let bound = |name: &str, default: u8| -> js::Result<u8> {
        let Some(text) = options.string(name)? else {
            return Ok(default);
        };
        let known = VERSIONS.iter().find(|(version, _)| *version == text);
        known.map(|(_, number)| *number).ok_or_else(|| {
            throw_error(
                ctx,
                &format!("options.{name} '{text}' is unknown; expected TLS1, TLS1.1, TLS1.2 or TLS1.3"),
            )
        })
    };
    let (min, max) = (bound("minVersion", 2)?, bound("maxVersion", 3)?);
    let all = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|(n, _)| (min..=max).contains(n))
        .map(|(_, v)| v)
        .collect();
    if chosen.is_empty() {
        return Err(throw_error(
            ctx,
            "options.maxVersion: only TLS1.2 and TLS1.3 are supported",
        ));
    }
    Ok(chosen)
}
