//! Options of `acceptTLS` and `connectTLS`. Source: pipyjs/filters.md section 7.
//!
//! What can be wrong is found while the script loads: a key that is not the certificate's, a version or cipher list that
//! leaves nothing to offer.
//!
//! DEVIATES: upstream also speaks TLS 1.0 and 1.1 and finite-field Diffie-Hellman; the library has neither. A `minVersion`
//! below TLS1.2 is taken with a warning, a `maxVersion` below it is an error, `dhparam` is taken without effect (tests
//! `options_that_cannot_work_do_not_load`, `our_client_and_our_server`).

use super::tls_ciphers;
use super::tls_identity::{Identity, Shown};
use crate::js::{self, Callback, JsData, List, Options, throw_error, throw_type};
use crate::limits;
use crate::net::{Certificate, CertificateChain, PeerVerifier, Tickets, tls_provider};
use rquickjs::{Class, Ctx, Value};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
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

/// An option that may be a function.
#[derive(Clone)]
pub(super) enum Given<T> {
    /// As it is.
    Value(T),
    /// Asked for each connection.
    Call(Callback),
}

/// A configuration of the library, made once; a connection for which a function decided something gets a copy of it.
pub(super) enum Base {
    /// Of a client.
    Client(Arc<ClientConfig>),
    /// Of a server without ALPN, and with each of its names.
    Server(Arc<ServerConfig>, Vec<(String, Arc<ServerConfig>)>),
}

/// Options, parsed when the layout is built.
pub(crate) struct TlsOptions {
    pub(super) side: Side,
    pub(super) identity: Option<Given<Identity>>,
    pub(super) verify: Option<Callback>,
    pub(super) on_state: Option<Callback>,
    pub(super) handshake: Option<Callback>,
    pub(super) alpn: Option<Given<Vec<String>>>,
    pub(super) sni: Option<Given<String>>,
    pub(super) base: Base,
    /// The sub-pipeline is that of a listener: it starts with the connection.
    pub(super) is_listener: bool,
}

impl TlsOptions {
    /// Reads them.
    ///
    /// # Errors  Throws for wrong types, unusable certificates, and versions or ciphers that leave nothing.
    pub(crate) fn parse<'js>(ctx: &Ctx<'js>, value: &Value<'js>, side: Side) -> js::Result<Self> {
        let options = Options::new(ctx, value)?;
        let identity = given(ctx, options.value("certificate")?, |value| Identity::of(ctx, value))?;
        let sni = given(ctx, options.value("sni")?, |_| {
            Ok(options.string("sni")?.unwrap_or_default())
        })?;
        let alpn = given(ctx, options.value("alpn")?, |value| names(ctx, value))?;
        let trusted = trusted(ctx, options.value("trusted")?)?;
        let verify = match options.callback("verify")? {
            Some(verify) => Some(verify),
            None => options.callback("onVerify")?,
        };
        if let Some(value) = options.value("dhparam")?
            && !value.is_string()
            && Class::<JsData>::from_value(&value).is_err()
        {
            return Err(throw_type(ctx, "options.dhparam expects a string or a Data"));
        }
        let offer = Offer {
            provider: provider(ctx, &options)?,
            versions: versions(ctx, &options)?,
            trusted: &trusted,
            identity: identity.as_ref(),
            is_judged: verify.is_some(),
        };
        let verifier = PeerVerifier::new(&tls_provider(), trusted.clone(), verify.is_some(), sni.is_some());
        let base = match (side, verifier) {
            (_, Err(what)) => Err(what),
            (Side::Client, Ok(verifier)) => offer.client(verifier, alpn.as_ref()),
            (Side::Server, Ok(verifier)) => offer.server(verifier, alpn.as_ref()),
        };
        Ok(TlsOptions {
            side,
            identity,
            verify,
            on_state: options.callback("onState")?,
            handshake: options.callback("handshake")?,
            alpn,
            sni,
            base: base.map_err(|what| throw_error(ctx, &what))?,
            is_listener: false,
        })
    }
}

/// What decides about the base configuration.
struct Offer<'a> {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    trusted: &'a [CertificateDer<'static>],
    identity: Option<&'a Given<Identity>>,
    /// A script has the last word about the peer.
    is_judged: bool,
}

impl Offer<'_> {
    fn shown(&self) -> Arc<Shown> {
        Arc::new(match self.identity {
            Some(Given::Value(identity)) => Shown::of(identity),
            _ => Shown::nothing(),
        })
    }

    fn client(&self, verifier: Arc<PeerVerifier>, alpn: Option<&Given<Vec<String>>>) -> Result<Base, String> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions)
            .map_err(|error| unusable(&error))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(_) => builder.with_client_cert_resolver(self.shown()),
        };
        if let Some(Given::Value(names)) = alpn {
            config.alpn_protocols = names.iter().map(|name| name.clone().into_bytes()).collect();
        }
        // A session goes on with the peer and the certificate of its first handshake: not when a script wants to judge
        // the peer of each connection, or to choose the certificate.
        config.resumption = if self.is_judged || matches!(self.identity, Some(Given::Call(_))) {
            Resumption::disabled()
        } else {
            Resumption::in_memory_sessions(limits::TLS_CLIENT_SESSIONS)
        };
        Ok(Base::Client(Arc::new(config)))
    }

    fn server(&self, verifier: Arc<PeerVerifier>, alpn: Option<&Given<Vec<String>>>) -> Result<Base, String> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions)
            .map_err(|error| unusable(&error))?;
        let builder = if verifier.wants_certificate() {
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(self.shown());
        // Sessions are in the clients' tickets; a table of them would be a worker's own.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = limits::TLS_TICKETS;
        // Resuming skips the question who the client is; a script that wants to be asked is asked for each connection.
        if !self.is_judged {
            let own = match self.identity {
                Some(Given::Value(identity)) => identity.own(),
                _ => &[],
            };
            let scope = std::iter::once(own).chain(self.trusted.iter().map(AsRef::as_ref));
            config.ticketer = Tickets::new(scope);
        }
        let names = match alpn {
            Some(Given::Value(names)) => names.as_slice(),
            _ => &[],
        };
        let with_name = |name: &String| {
            let mut config = config.clone();
            config.alpn_protocols = vec![name.clone().into_bytes()];
            (name.clone(), Arc::new(config))
        };
        let named = names.iter().map(with_name).collect();
        Ok(Base::Server(Arc::new(config), named))
    }
}

fn unusable(error: &rustls::Error) -> String {
    format!("options.ciphers, minVersion and maxVersion leave nothing to offer: {error}")
}

fn given<'js, T>(
    ctx: &Ctx<'js>,
    value: Option<Value<'js>>,
    read: impl FnOnce(&Value<'js>) -> js::Result<T>,
) -> js::Result<Option<Given<T>>> {
    let Some(value) = value else { return Ok(None) };
    Ok(Some(match Callback::from_value(ctx, &value) {
        Some(callback) => Given::Call(callback),
        None => Given::Value(read(&value)?),
    }))
}

fn trusted<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> js::Result<Vec<CertificateDer<'static>>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let wrong = || throw_type(ctx, "options.trusted expects an array of certificates");
    let array = value.as_list().ok_or_else(wrong)?;
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

/// A name or an array of names, for ALPN.
pub(super) fn names<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<String>> {
    let wrong = || throw_type(ctx, "options.alpn expects a string, an array of strings or a function");
    let names = if let Some(text) = value.as_string() {
        vec![text.to_string()?]
    } else {
        let array = value.as_list().ok_or_else(wrong)?;
        let names: js::Result<Vec<String>> = array.iter::<String>().collect();
        names.map_err(|_| {
            ctx.catch();
            wrong()
        })?
    };
    // RFC 7301 section 3.1: a name has a length of one byte, not 0.
    match names.iter().find(|name| !(1..=255).contains(&name.len())) {
        Some(name) => Err(throw_error(
            ctx,
            &format!("options.alpn '{name}': a protocol's name has 1 to 255 bytes"),
        )),
        None => Ok(names),
    }
}

fn provider(ctx: &Ctx<'_>, options: &Options<'_>) -> js::Result<Arc<CryptoProvider>> {
    let Some(list) = options.string("ciphers")? else {
        return Ok(tls_provider());
    };
    let cipher_suites = tls_ciphers::suites(&list).map_err(|what| throw_error(ctx, &what))?;
    Ok(Arc::new(CryptoProvider {
        cipher_suites,
        ..CryptoProvider::clone(&tls_provider())
    }))
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
    let text = |number: u8| VERSIONS.get(usize::from(number)).map_or("", |row| row.0);
    if max < 2 {
        return Err(throw_error(
            ctx,
            &format!(
                "options.maxVersion '{}': the oldest version supported is TLS1.2",
                text(max)
            ),
        ));
    }
    if min > max {
        return Err(throw_error(
            ctx,
            &format!(
                "options.minVersion '{}' is above options.maxVersion '{}'",
                text(min),
                text(max)
            ),
        ));
    }
    if min < 2 {
        tracing::warn!(target: "tls", "minVersion '{}': the oldest version offered is TLS1.2", text(min));
    }
    let all = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let chosen = all.into_iter().filter(|(n, _)| (min..=max).contains(n));
    Ok(chosen.map(|(_, version)| version).collect())
}
