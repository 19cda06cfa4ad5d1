//! `crypto.Sign` and `crypto.Verify`. Example: `new crypto.Sign('sha256')`, `update(data)`, `sign(key, 'base64')`.
//! RSA is PKCS #1 v1.5; ECDSA signatures are in the ASN.1 form. Source: pipyjs/globals.md section 7; RFC 8017 section 8.2.

use super::crypto_hash::{bytes, result};
use crate::data::Data;
use crate::js::{self, Options, throw_error, throw_type};
use crate::limits;
use crate::net::{PrivateKey, PublicKey, SignatureHash};
use rquickjs::class::Trace;
use rquickjs::prelude::{Opt, This};
use rquickjs::{Class, Ctx, JsLifetime, Value};

/// By OpenSSL's names, in any case: `sha256`, `RSA-SHA256`, `ecdsa-with-SHA256`.
fn hash(ctx: &Ctx<'_>, name: &str) -> js::Result<SignatureHash> {
    let lower = name.to_ascii_lowercase();
    let prefixes = ["rsa-", "ecdsa-with-"];
    let bare = prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix));
    Ok(match bare.unwrap_or(&lower) {
        "sha1" => SignatureHash::Sha1,
        "sha256" | "sha2-256" | "sha256withrsaencryption" => SignatureHash::Sha256,
        "sha384" | "sha2-384" | "sha384withrsaencryption" => SignatureHash::Sha384,
        "sha512" | "sha2-512" | "sha512withrsaencryption" => SignatureHash::Sha512,
        _ => {
            return Err(throw_error(
                ctx,
                &format!("unknown signature algorithm '{name}'; known: sha1 (verified only), sha256, sha384, sha512"),
            ));
        }
    })
}

/// What is signed, until its end: the library signs whole messages.
#[derive(Default)]
struct Collected(Data);

impl Collected {
    fn add<'js>(&mut self, ctx: &Ctx<'js>, value: &Value<'js>, encoding: Option<&str>) -> js::Result<()> {
        let data = bytes(ctx, value, encoding)?;
        if self.0.len() + data.len() > limits::SIGNED_BYTES {
            let limit = limits::SIGNED_BYTES;
            return Err(throw_error(ctx, &format!("more than {limit} bytes to sign")));
        }
        self.0.append(data);
        Ok(())
    }
}

/// `{ id }` is for SM2.
fn refuse_id<'js>(ctx: &Ctx<'js>, options: Option<Value<'js>>) -> js::Result<()> {
    let Some(options) = options else { return Ok(()) };
    match Options::new(ctx, &options)?.value("id")? {
        Some(_) => Err(throw_error(ctx, "options.id is for SM2 keys, which are not supported")),
        None => Ok(()),
    }
}

/// Signs what `update` was given.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Sign {
    #[qjs(skip_trace)]
    hash: SignatureHash,
    #[qjs(skip_trace)]
    collected: Collected,
}

#[rquickjs::methods]
impl Sign {
    /// `new Sign(algorithm)`.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, algorithm: String) -> js::Result<Self> {
        let hash = hash(&ctx, &algorithm)?;
        let collected = Collected::default();
        Ok(Sign { hash, collected })
    }

    /// Takes more bytes; returns itself.
    pub fn update<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        data: Value<'js>,
        encoding: Opt<String>,
    ) -> js::Result<Class<'js, Self>> {
        this.0.borrow_mut().collected.add(&ctx, &data, encoding.0.as_deref())?;
        Ok(this.0)
    }

    /// The signature.
    pub fn sign<'js>(
        &self,
        ctx: Ctx<'js>,
        key: Value<'js>,
        encoding: Opt<Value<'js>>,
        options: Opt<Value<'js>>,
    ) -> js::Result<Value<'js>> {
        refuse_id(&ctx, options.0)?;
        let key =
            Class::<PrivateKey>::from_value(&key).map_err(|_| throw_type(&ctx, "argument 1 expects a PrivateKey"))?;
        let message = self.collected.0.to_bytes();
        let signature = key.borrow().sign(self.hash, &message);
        let signature = signature.map_err(|what| throw_error(&ctx, &what))?;
        let encoding = encoding.0.and_then(|value| value.as_string()?.to_string().ok());
        result(&ctx, signature, encoding.as_deref())
    }
}

/// Verifies a signature of what `update` was given.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Verify {
    #[qjs(skip_trace)]
    hash: SignatureHash,
    #[qjs(skip_trace)]
    collected: Collected,
}

#[rquickjs::methods]
impl Verify {
    /// `new Verify(algorithm)`.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, algorithm: String) -> js::Result<Self> {
        let hash = hash(&ctx, &algorithm)?;
        let collected = Collected::default();
        Ok(Verify { hash, collected })
    }

    /// Takes more bytes; returns itself.
    pub fn update<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        data: Value<'js>,
        encoding: Opt<String>,
    ) -> js::Result<Class<'js, Self>> {
        this.0.borrow_mut().collected.add(&ctx, &data, encoding.0.as_deref())?;
        Ok(this.0)
    }

    /// Whether it is the key's signature. `encoding`: of `signature`, when that is a string.
    pub fn verify<'js>(
        &self,
        ctx: Ctx<'js>,
        key: Value<'js>,
        signature: Value<'js>,
        encoding: Opt<Value<'js>>,
        options: Opt<Value<'js>>,
    ) -> js::Result<bool> {
        refuse_id(&ctx, options.0)?;
        let key =
            Class::<PublicKey>::from_value(&key).map_err(|_| throw_type(&ctx, "argument 1 expects a PublicKey"))?;
        let encoding = encoding.0.and_then(|value| value.as_string()?.to_string().ok());
        let signature = bytes(&ctx, &signature, encoding.as_deref())?;
        let message = self.collected.0.to_bytes();
        Ok(key.borrow().verify(self.hash, &message, &signature.to_bytes()))
    }
}
