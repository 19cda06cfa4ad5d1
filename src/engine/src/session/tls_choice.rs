//! The configuration of one TLS connection: the base, with what functions of the script choose for it.
//! Source: pipyjs/filters.md section 7 (`certificate`, `alpn`).

use super::tls_identity::{Identity, Shown};
use super::tls_judge::Failure;
use super::tls_options::{Base, Given, TlsOptions, names};
use crate::js::{self, Callback};
use crate::net::Hello;
use crate::pipeline::{Cx, Out};
use rustls::{ClientConfig, ServerConfig};
use std::sync::Arc;

impl TlsOptions {
    /// The certificate that a function of the script chooses; `sni`: what a client asked for.
    fn chosen(
        &self,
        cx: &mut Cx<'_>,
        callback: &Callback,
        sni: &str,
        out: &Out<'_>,
    ) -> Result<Option<Identity>, Failure> {
        let value = cx.call(out, callback, (sni,))?;
        if js::is_nullish(&value) {
            return Ok(None);
        }
        let identity = Identity::of(&cx.js, &value).map_err(|error| cx.failed(&out.place(), error))?;
        Ok(Some(identity))
    }

    /// Of a client's next connection.
    ///
    /// # Errors  A function of the script failed.
    pub(super) fn client_config(&self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<Arc<ClientConfig>, Failure> {
        let Base::Client(base) = &self.base else {
            return Err(Failure::Shown("this side is a server".to_owned()));
        };
        let mut config = base.clone();
        if let Some(Given::Call(callback)) = &self.identity {
            let shown = self.chosen(cx, callback, "", out)?;
            let shown = shown.as_ref().map_or_else(Shown::nothing, Shown::of);
            Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(shown);
        }
        if let Some(Given::Call(callback)) = &self.alpn {
            let value = cx.call(out, callback, ())?;
            let names = names(&cx.js, &value).map_err(|error| cx.failed(&out.place(), error))?;
            Arc::make_mut(&mut config).alpn_protocols = names.into_iter().map(String::into_bytes).collect();
        }
        Ok(config)
    }

    /// Of a server's connection, on which the client has said `hello`.
    ///
    /// # Errors  There is no certificate, or a function of the script failed.
    pub(super) fn server_config(
        &self,
        cx: &mut Cx<'_>,
        hello: &Hello,
        out: &Out<'_>,
    ) -> Result<Arc<ServerConfig>, Failure> {
        let Base::Server(base, named) = &self.base else {
            return Err(Failure::Shown("this side is a client".to_owned()));
        };
        let sni = hello.server_name.as_deref().unwrap_or_default();
        let none = || Failure::Shown(format!("no certificate for '{sni}'"));
        let shown = match &self.identity {
            None => return Err(none()),
            Some(Given::Value(_)) => None,
            Some(Given::Call(callback)) => Some(self.chosen(cx, callback, sni, out)?.ok_or_else(none)?),
        };
        let offered = || {
            hello
                .protocols
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
        };
        let mut config = base.clone();
        match &self.alpn {
            _ if hello.protocols.is_empty() => {}
            None => {}
            // No common protocol: goes on without one, where the library would refuse.
            Some(Given::Value(_)) => {
                let common = named.iter().find(|(name, _)| offered().any(|offered| offered == *name));
                config = common.map_or(config, |(_, config)| config.clone());
            }
            Some(Given::Call(callback)) => {
                let index = cx.call(out, callback, (offered().collect::<Vec<_>>(),))?;
                let index = index.as_number().filter(|index| *index >= 0.0);
                if let Some(name) = index.and_then(|index| hello.protocols.get(index as usize)) {
                    Arc::make_mut(&mut config).alpn_protocols = vec![name.clone()];
                }
            }
        }
        if let Some(identity) = &shown {
            Arc::make_mut(&mut config).cert_resolver = Arc::new(Shown::of(identity));
        }
        Ok(config)
    }
}
