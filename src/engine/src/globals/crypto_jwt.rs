//! `crypto.JWT` and `crypto.JWK`: signed tokens and keys as JSON. Example: `new crypto.JWT(token).verify(key)`.
//! Times are not checked (pipyjs/globals.md section 7). Source: RFC 7515, RFC 7517, RFC 7518 sections 3 and 6, RFC 7519.
//!
//! The key decides which algorithms can hold, not the token: a public key never serves as the secret of an HMAC, for its
//! text is known to everybody (RFC 8725 section 2.1).

use crate::js::{self, throw_type, value_to_data};
use crate::net::{PublicKey, SignatureHash, der_sequence, der_unsigned};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};

/// What tokens are verified with.
#[derive(Clone)]
enum Key {
    Secret(Vec<u8>),
    Public(PublicKey),
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// A key as a JSON object.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "JWK")]
pub struct Jwk {
    #[qjs(skip_trace)]
    key: Option<Key>,
}

impl Jwk {
    fn read(object: &Object<'_>) -> Option<Key> {
        let text = |name: &str| object.get::<_, String>(name).ok();
        let bytes = |name: &str| decoded(&text(name)?).filter(|bytes| !bytes.is_empty());
        Some(match text("kty")?.as_str() {
            "oct" => Key::Secret(bytes("k")?),
            "RSA" => Key::Public(PublicKey::rsa(&bytes("n")?, &bytes("e")?)),
            "EC" => Key::Public(PublicKey::curve(&text("crv")?, &bytes("x")?, &bytes("y")?)?),
            _ => return None,
        })
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Jwk {
    /// `new JWK(object)`: `kty` oct, RSA or EC (P-256, P-384, P-521).
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, object: Value<'js>) -> js::Result<Self> {
        let object = object
            .as_object()
            .ok_or_else(|| throw_type(&ctx, "argument 1 expects an object"))?;
        let key = Jwk::read(object);
        // A member of another type leaves an exception pending.
        ctx.catch();
        Ok(Jwk { key })
    }

    /// Whether it is a key.
    #[qjs(get)]
    pub fn is_valid(&self) -> bool {
        self.key.is_some()
    }
}

/// The parts of a token that is well formed.
struct Parts {
    header: Vec<u8>,
    payload: Vec<u8>,
    algorithm: String,
    /// Header and payload as they were signed.
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// A token.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "JWT")]
pub struct Jwt {
    #[qjs(skip_trace)]
    parts: Option<Parts>,
}

fn object<'js>(ctx: &Ctx<'js>, json: &[u8]) -> Option<Object<'js>> {
    match ctx.json_parse(json) {
        Ok(value) => value.into_object().filter(|object| !object.is_array()),
        Err(_) => {
            ctx.catch();
            None
        }
    }
}

impl Parts {
    fn read(ctx: &Ctx<'_>, token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let (header, payload) = (decoded(header)?, decoded(payload)?);
        let algorithm = object(ctx, &header)?.get::<_, String>("alg").ok()?;
        object(ctx, &payload)?;
        Some(Parts {
            header,
            payload,
            algorithm,
            signed: signed.as_bytes().to_vec(),
            signature: decoded(signature)?,
        })
    }

    fn verify(&self, key: &Key) -> bool {
        let (family, hash) = match self.algorithm.split_at_checked(2) {
            Some((family, "256")) => (family, SignatureHash::Sha256),
            Some((family, "384")) => (family, SignatureHash::Sha384),
            Some((family, "512")) => (family, SignatureHash::Sha512),
            _ => return false,
        };
        match (family, key) {
            ("HS", Key::Secret(secret)) => {
                let algorithm = match hash {
                    SignatureHash::Sha384 => hmac::HMAC_SHA384,
                    SignatureHash::Sha512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                let key = hmac::Key::new(algorithm, secret);
                hmac::verify(&key, &self.signed, &self.signature).is_ok()
            }
            ("RS", Key::Public(key)) if key.is_rsa() => key.verify(hash, &self.signed, &self.signature),
            ("ES", Key::Public(key)) => {
                // RFC 7518 3.4: the two numbers side by side; each algorithm has its curve.
                let len = match hash {
                    SignatureHash::Sha384 => 48,
                    SignatureHash::Sha512 => 66,
                    _ => 32,
                };
                let Some((r, s)) = self.signature.split_at_checked(len) else {
                    return false;
                };
                let signature = der_sequence(&[&der_unsigned(r), &der_unsigned(s)]);
                s.len() == len && key.coordinate_len() == Some(len) && key.verify(hash, &self.signed, &signature)
            }
            _ => false,
        }
    }

    fn json<'js>(parts: Option<&Self>, ctx: Ctx<'js>, pick: fn(&Self) -> &[u8]) -> Value<'js> {
        let object = parts.and_then(|parts| object(&ctx, pick(parts)));
        object.map_or_else(|| Value::new_undefined(ctx), Object::into_value)
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Jwt {
    /// `new JWT(token)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, token: Value<'js>) -> js::Result<Self> {
        let token =
            value_to_data(&ctx, &token).ok_or_else(|| throw_type(&ctx, "argument 1 expects a string or a Data"))?;
        let parts = String::from_utf8(token.to_vec())
            .ok()
            .and_then(|token| Parts::read(&ctx, token.trim()));
        Ok(Jwt { parts })
    }

    /// Whether it is well formed.
    #[qjs(get)]
    pub fn is_valid(&self) -> bool {
        self.parts.is_some()
    }

    /// The header; undefined when the token is malformed.
    #[qjs(get)]
    pub fn header<'js>(&self, ctx: Ctx<'js>) -> Value<'js> {
        Parts::json(self.parts.as_ref(), ctx, |parts| &parts.header)
    }

    /// The claims; undefined when the token is malformed.
    #[qjs(get)]
    pub fn payload<'js>(&self, ctx: Ctx<'js>) -> Value<'js> {
        Parts::json(self.parts.as_ref(), ctx, |parts| &parts.payload)
    }

    /// Whether it was signed with this key: a secret or PEM as a string or Data, a JWK, a PublicKey.
    pub fn verify<'js>(&self, ctx: Ctx<'js>, key: Value<'js>) -> js::Result<bool> {
        let key = if let Ok(key) = Class::<Jwk>::from_value(&key) {
            key.borrow().key.clone()
        } else if let Ok(key) = Class::<PublicKey>::from_value(&key) {
            Some(Key::Public(key.borrow().clone()))
        } else {
            let wrong = || throw_type(&ctx, "argument 1 expects a string, a Data, a JWK or a PublicKey");
            let text = value_to_data(&ctx, &key).ok_or_else(wrong)?.to_vec();
            if text.trim_ascii_start().starts_with(b"-----BEGIN ") {
                PublicKey::from_text(&text).map(Key::Public)
            } else {
                Some(Key::Secret(text))
            }
        };
        Ok(match (&self.parts, key) {
            (Some(parts), Some(key)) => parts.verify(&key),
            _ => false,
        })
    }
}
