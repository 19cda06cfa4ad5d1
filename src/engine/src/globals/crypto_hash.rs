//! `crypto.Hash` and `crypto.Hmac`. Example: `new crypto.Hash('sha256').update('x').digest('hex')`.
//! Source: pipyjs/globals.md section 7; FIPS 180-4, RFC 1321, RFC 2104.

use crate::data::Data;
use crate::js::{self, JsData, throw_error, throw_type};
use md5::{Digest as _, Md5};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, SHA512_256};
use rquickjs::class::Trace;
use rquickjs::prelude::{Opt, This};
use rquickjs::{Class, Ctx, IntoJs, JsLifetime, Value};
use sha2::Sha224;

/// A digest under way.
enum Digest {
    Ring(Context),
    Md5(Md5),
    Sha224(Sha224),
}

const NAMES: &str = "md5, sha1, sha224, sha256, sha384, sha512, sha512-256";

impl Digest {
    /// By OpenSSL's name, in any case.
    ///
    /// # Errors  Throws for an unknown one.
    fn new(ctx: &Ctx<'_>, name: &str) -> js::Result<Self> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.strip_prefix("rsa-").unwrap_or(&lower) {
            "md5" => Digest::Md5(Md5::new()),
            "sha1" | "sha-1" => Digest::Ring(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            "sha224" | "sha2-224" | "sha-224" => Digest::Sha224(Sha224::new()),
            "sha256" | "sha2-256" | "sha-256" => Digest::Ring(Context::new(&SHA256)),
            "sha384" | "sha2-384" | "sha-384" => Digest::Ring(Context::new(&SHA384)),
            "sha512" | "sha2-512" | "sha-512" => Digest::Ring(Context::new(&SHA512)),
            "sha512-256" | "sha2-512/256" | "sha-512/256" => Digest::Ring(Context::new(&SHA512_256)),
            _ => {
                return Err(throw_error(
                    ctx,
                    &format!("unknown digest algorithm '{name}'; known: {NAMES}"),
                ));
            }
        })
    }

    /// Bytes that it takes at once; what a key of HMAC is made as long as.
    fn block_len(&self) -> usize {
        match self {
            Digest::Ring(context) => context.algorithm().block_len(),
            Digest::Md5(_) | Digest::Sha224(_) => 64,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Digest::Ring(context) => context.update(bytes),
            Digest::Md5(context) => context.update(bytes),
            Digest::Sha224(context) => context.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Digest::Ring(context) => context.finish().as_ref().to_vec(),
            Digest::Md5(context) => context.finalize().to_vec(),
            Digest::Sha224(context) => context.finalize().to_vec(),
        }
    }
}

/// Bytes of an argument: Data, or a string in an encoding (UTF-8).
///
/// # Errors  Throws for other types and for malformed text.
pub(super) fn bytes<'js>(ctx: &Ctx<'js>, value: &Value<'js>, encoding: Option<&str>) -> js::Result<Data> {
    if let (Some(text), Some(encoding)) = (value.as_string(), encoding) {
        let data = js::decode(&text.to_string()?, encoding).map_err(|what| throw_type(ctx, &what))?;
        return data.ok_or_else(|| throw_error(ctx, &format!("invalid {encoding}")));
    }
    JsData::bytes_of(ctx, value)
}

/// A result: Data, or text when there is an encoding.
pub(super) fn result<'js>(ctx: &Ctx<'js>, bytes: Vec<u8>, encoding: Option<&str>) -> js::Result<Value<'js>> {
    let data = Data::from(bytes);
    match encoding {
        None => Ok(JsData::object(ctx, data)?.into_value()),
        Some(encoding) => js::encode(&data, encoding)
            .map_err(|what| throw_type(ctx, &what))?
            .into_js(ctx),
    }
}

/// A digest of what `update` was given.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Hash {
    #[qjs(skip_trace)]
    digest: Option<Digest>,
}

#[rquickjs::methods]
impl Hash {
    /// `new Hash(algorithm)`.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, algorithm: String) -> js::Result<Self> {
        let digest = Some(Digest::new(&ctx, &algorithm)?);
        Ok(Hash { digest })
    }

    /// Takes more bytes; returns itself.
    pub fn update<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        data: Value<'js>,
        encoding: Opt<String>,
    ) -> js::Result<Class<'js, Self>> {
        let data = bytes(&ctx, &data, encoding.0.as_deref())?;
        if let Some(digest) = &mut this.0.borrow_mut().digest {
            data.chunks().for_each(|chunk| digest.update(chunk));
        }
        Ok(this.0)
    }

    /// The digest; undefined the second time.
    pub fn digest<'js>(&mut self, ctx: Ctx<'js>, encoding: Opt<String>) -> js::Result<Value<'js>> {
        match self.digest.take() {
            None => Ok(Value::new_undefined(ctx)),
            Some(digest) => result(&ctx, digest.finish(), encoding.0.as_deref()),
        }
    }
}

/// A digest with a key.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Hmac {
    /// Inner and outer digest.
    #[qjs(skip_trace)]
    digests: Option<(Digest, Digest)>,
}

#[rquickjs::methods]
impl Hmac {
    /// `new Hmac(algorithm, key)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, algorithm: String, key: Value<'js>) -> js::Result<Self> {
        let (mut inner, mut outer) = (Digest::new(&ctx, &algorithm)?, Digest::new(&ctx, &algorithm)?);
        let key =
            js::value_to_data(&ctx, &key).ok_or_else(|| throw_type(&ctx, "argument 2 expects a Data or a string"))?;
        let mut key = key.to_vec();
        if key.len() > inner.block_len() {
            let mut short = Digest::new(&ctx, &algorithm)?;
            short.update(&key);
            key = short.finish();
        }
        key.resize(inner.block_len(), 0);
        // RFC 2104 section 2.
        inner.update(&key.iter().map(|byte| byte ^ 0x36).collect::<Vec<u8>>());
        outer.update(&key.iter().map(|byte| byte ^ 0x5c).collect::<Vec<u8>>());
        Ok(Hmac {
            digests: Some((inner, outer)),
        })
    }

    /// Takes more bytes; returns itself.
    pub fn update<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        data: Value<'js>,
        encoding: Opt<String>,
    ) -> js::Result<Class<'js, Self>> {
        let data = bytes(&ctx, &data, encoding.0.as_deref())?;
        if let Some((inner, _)) = &mut this.0.borrow_mut().digests {
            data.chunks().for_each(|chunk| inner.update(chunk));
        }
        Ok(this.0)
    }

    /// The digest; undefined the second time.
    pub fn digest<'js>(&mut self, ctx: Ctx<'js>, encoding: Opt<String>) -> js::Result<Value<'js>> {
        let Some((inner, mut outer)) = self.digests.take() else {
            return Ok(Value::new_undefined(ctx));
        };
        outer.update(&inner.finish());
        result(&ctx, outer.finish(), encoding.0.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check_values;

    #[tokio::test(flavor = "current_thread")]
    async fn digests() {
        let hash = |name: &str, text: &str| format!("new crypto.Hash('{name}').update('{text}').digest('hex')");
        // RFC 1321 A.5; FIPS 180-4 examples ("abc"), RFC 3874 section 3.1 for SHA-224.
        let mut rows = vec![
            (hash("md5", "abc"), "900150983cd24fb0d6963f7d28e17f72"),
            (hash("MD5", ""), "d41d8cd98f00b204e9800998ecf8427e"),
            (hash("sha1", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                hash("sha224", "abc"),
                "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            ),
            (
                hash("sha256", "abc"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                hash("RSA-SHA256", "abc"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                hash("sha384", "abc"),
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                hash("SHA512", "abc"),
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                hash("sha512-256", "abc"),
                "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
            ),
        ];
        // RFC 4231 test cases 1 and 6; RFC 2202 test cases 2 for MD5 and SHA-1.
        let key = "new Data('0b'.repeat(20), 'hex')";
        let long = "new Data('aa'.repeat(131), 'hex')";
        let text = "'Test Using Larger Than Block-Size Key - Hash Key First'";
        let hmac = |name: &str, key: &str, text: &str| {
            format!("new crypto.Hmac('{name}', {key}).update({text}).digest('hex')")
        };
        rows.extend([
            (
                hmac("md5", "'Jefe'", "'what do ya want for nothing?'"),
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (
                hmac("sha1", "'Jefe'", "'what do ya want for nothing?'"),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                hmac("sha224", key, "'Hi There'"),
                "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
            ),
            (
                hmac("sha256", key, "'Hi There'"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                hmac("sha256", long, text),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                hmac("sha512", "'Jefe'", "'what do ya want for nothing?'"),
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ]);
        // globals.md 7: Data without encoding, else string; second digest is undefined; bytes in parts and encodings.
        for (expression, expected) in [
            ("new crypto.Hash('md5').digest().size", "16"),
            ("new crypto.Hash('md5').digest('base64')", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("(h => (h.digest(), h.digest()))(new crypto.Hash('md5'))", "undefined"),
            (
                "(h => (h.digest(), h.digest()))(new crypto.Hmac('md5', ''))",
                "undefined",
            ),
            (
                "new crypto.Hash('sha1').update('61', 'hex').update(new Data('b')).update('Yw==', 'base64').digest('hex')",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
            ),
            (
                "(({ update, digest }) => (update('abc'), digest('hex')))(new crypto.Hash('sha1'))",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
            ),
            (
                "new crypto.Hash('sm3')",
                "throws unknown digest algorithm 'sm3'; known: md5, sha1, sha224, sha256, sha384, sha512, sha512-256",
            ),
            ("new crypto.Hash('md5').update('x', 'hex')", "throws invalid hex"),
        ] {
            rows.push((expression.to_owned(), expected));
        }
        let rows: Vec<(&str, &str)> = rows
            .iter()
            .map(|(value, expected)| (value.as_str(), *expected))
            .collect();
        check_values(&rows).await;
    }
}
