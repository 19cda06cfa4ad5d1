//! Option `tls: { cert, key }` of `listen`, as scripts of 2021 have it: TLS ends before the first filter. Newer ones use
//! `acceptTLS`, which this is made of; its options (`certificate`, ...) are taken here too.
//! Source: pipyjs/model.md section 2 (superset for E1), filters.md section 7.

use super::tls::TlsFilter;
use super::tls_options::{Side, TlsOptions};
use crate::js::{self, Options, throw_type};
use crate::net::{CertificateChain, PrivateKey};
use crate::pipeline::{FilterDef, Layout, Sub, realm};
use rquickjs::function::Opt;
use rquickjs::{Class, Ctx, Object, Value};
use std::rc::Rc;

/// The layout that a listener with these options starts: `layout` itself, or TLS with `layout` behind it.
///
/// # Errors  Throws for a certificate or key that cannot be used.
pub(crate) fn behind_tls<'js>(ctx: &Ctx<'js>, layout: &Rc<Layout>, options: &Options<'js>) -> js::Result<Rc<Layout>> {
    let Some(tls) = options.value("tls")? else {
        return Ok(layout.clone());
    };
    let given = Options::new(ctx, &tls)?;
    let accept = match given.value("certificate")? {
        Some(_) => tls,
        None => identity(ctx, &given)?,
    };
    let mut options = TlsOptions::parse(ctx, &accept, Side::Server)?;
    options.is_listener = true;
    let options = Rc::new(options);
    let sub = Sub::default();
    sub.set(layout.clone());
    let behind = sub.clone();
    let outer = Layout::new(layout.name.clone(), layout.module.clone());
    outer.filters.borrow_mut().push(FilterDef {
        name: "acceptTLS",
        make: Rc::new(move || Box::new(TlsFilter::new(options.clone(), behind.clone()))),
        place: format!("option tls of {}", layout.name),
        sub: Some(sub),
        needs_sub: true,
    });
    realm(ctx).adopt(&outer);
    Ok(outer)
}

/// The options of `acceptTLS` for `{ cert, key }`.
fn identity<'js>(ctx: &Ctx<'js>, tls: &Options<'js>) -> js::Result<Value<'js>> {
    let (Some(cert), Some(key)) = (tls.value("cert")?, tls.value("key")?) else {
        return Err(throw_type(
            ctx,
            "options.tls expects { cert, key }, each PEM as a string or a Data",
        ));
    };
    let identity = Object::new(ctx.clone())?;
    identity.set(
        "cert",
        Class::instance(ctx.clone(), CertificateChain::new(ctx.clone(), cert)?)?,
    )?;
    identity.set(
        "key",
        Class::instance(ctx.clone(), PrivateKey::new(ctx.clone(), key, Opt(None))?)?,
    )?;
    let accept = Object::new(ctx.clone())?;
    accept.set("certificate", identity)?;
    Ok(accept.into_value())
}
