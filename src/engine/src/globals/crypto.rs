//! `crypto`: certificates and keys for TLS. Source: pipyjs/globals.md section 7.
//! The classes themselves are in net/, which connects with them.

use crate::js;
use crate::net::{Certificate, CertificateChain, PrivateKey};
use rquickjs::{Class, Ctx, Object};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let crypto = Object::new(ctx.clone())?;
    Class::<Certificate>::define(&crypto)?;
    Class::<CertificateChain>::define(&crypto)?;
    Class::<PrivateKey>::define(&crypto)?;
    ctx.globals().set("crypto", crypto)
}
