//! `crypto`: certificates, keys, digests, ciphers, signatures, tokens. Source: pipyjs/globals.md section 7.
//! Not here: the classes of certificates and keys (net/, which connects with them); the others are one file a pair.

use super::{crypto_cipher, crypto_hash, crypto_jwt, crypto_sign};
use crate::js;
use crate::net::{Certificate, CertificateChain, PrivateKey, PublicKey};
use rquickjs::{Class, Ctx, Function, Object};

/// Methods that are read off an object stay bound to it (pipyjs/model.md section 4, item 17). What is bound is not kept on
/// the object as elsewhere: digests are many and short-lived, and such a cycle waits for the garbage collector.
const BIND: &str = "classes => {
  for (const of of Object.values(classes)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of.prototype))) {
      if (typeof value !== 'function' || name === 'constructor') continue
      Object.defineProperty(of.prototype, name, { get() { return value.bind(this) }, configurable: true })
    }
  }
}";

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let crypto = Object::new(ctx.clone())?;
    Class::<Certificate>::define(&crypto)?;
    Class::<CertificateChain>::define(&crypto)?;
    Class::<PrivateKey>::define(&crypto)?;
    Class::<PublicKey>::define(&crypto)?;
    Class::<crypto_hash::Hash>::define(&crypto)?;
    Class::<crypto_hash::Hmac>::define(&crypto)?;
    Class::<crypto_cipher::Cipher>::define(&crypto)?;
    Class::<crypto_cipher::Decipher>::define(&crypto)?;
    Class::<crypto_sign::Sign>::define(&crypto)?;
    Class::<crypto_sign::Verify>::define(&crypto)?;
    Class::<crypto_jwt::Jwk>::define(&crypto)?;
    Class::<crypto_jwt::Jwt>::define(&crypto)?;
    let bind: Function<'_> = ctx.eval(BIND)?;
    bind.call::<_, ()>((crypto.clone(),))?;
    ctx.globals().set("crypto", crypto)
}
