//! `crypto`: certificates, keys, digests, ciphers, signatures, tokens. Source: pipyjs/globals.md section 7.
//! Not here: the classes of certificates and keys (net/, which connects with them); the others are one file a pair.

use super::{crypto_cipher, crypto_hash, crypto_jwt, crypto_sign};
use crate::js;
use crate::net::{Certificate, CertificateChain, PrivateKey, PublicKey};
use rquickjs::class::JsClass;
use rquickjs::{Class, Ctx, Object};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let crypto = Object::new(ctx.clone())?;
    class::<Certificate>(ctx, &crypto)?;
    class::<CertificateChain>(ctx, &crypto)?;
    class::<PrivateKey>(ctx, &crypto)?;
    class::<PublicKey>(ctx, &crypto)?;
    class::<crypto_hash::Hash>(ctx, &crypto)?;
    class::<crypto_hash::Hmac>(ctx, &crypto)?;
    class::<crypto_cipher::Cipher>(ctx, &crypto)?;
    class::<crypto_cipher::Decipher>(ctx, &crypto)?;
    class::<crypto_sign::Sign>(ctx, &crypto)?;
    class::<crypto_sign::Verify>(ctx, &crypto)?;
    class::<crypto_jwt::Jwk>(ctx, &crypto)?;
    class::<crypto_jwt::Jwt>(ctx, &crypto)?;
    ctx.globals().set("crypto", crypto)
}

fn class<'js, C: JsClass<'js>>(ctx: &Ctx<'js>, crypto: &Object<'js>) -> js::Result<()> {
    Class::<C>::define(crypto)?;
    js::bind_methods_afresh::<C>(ctx, &[])
}
