//! `crypto.PrivateKey`, `crypto.PublicKey`: PEM in and out, new RSA keys; signing and verifying with them.
//! Not for certificates (certificate.rs). Source: pipyjs/globals.md section 7; RFC 7468, RFC 5958, RFC 8017, RFC 5915.
//!
//! DEVIATES: no DSA, no SM2, no RSA below 2048 bits, no private keys of P-521, no signatures made with SHA-1: the library
//! has none of them (tests `keys_that_cannot_be`, `signatures_of_openssl_and_ours`).

use super::pem::{from_pem, source, to_pem};
use super::{der, x509};
use crate::js::{self, JsData, Options, throw_error, throw_type};
use crate::limits;
use crate::pipeline::realm;
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Ctx, JsLifetime, Value};
use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{AlgorithmIdentifier, PrivateKeyDer, PrivatePkcs8KeyDer, alg_id};
use std::rc::Rc;
use std::sync::Arc;

/// A private key.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub struct PrivateKey {
    #[qjs(skip_trace)]
    key: Rc<PrivateKeyDer<'static>>,
    /// Ready to sign: making it so costs more than a signature.
    #[qjs(skip_trace)]
    pub(crate) signing: Arc<dyn SigningKey>,
}

/// A public key.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub struct PublicKey {
    /// SubjectPublicKeyInfo, DER.
    #[qjs(skip_trace)]
    pub(crate) spki: Rc<[u8]>,
}

/// The hash of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureHash {
    /// Verified only.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl PrivateKey {
    fn from_der(ctx: &Ctx<'_>, key: PrivateKeyDer<'static>) -> js::Result<Self> {
        let signing = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|error| {
            throw_error(
                ctx,
                &format!("cannot use private key: {error}; supported: RSA from 2048 bits, EC P-256, EC P-384, Ed25519"),
            )
        })?;
        Ok(PrivateKey {
            key: Rc::new(key),
            signing,
        })
    }

    /// SubjectPublicKeyInfo, DER.
    pub(crate) fn spki(&self) -> Option<Vec<u8>> {
        self.signing.public_key().map(|spki| spki.to_vec())
    }

    /// Signs; ECDSA gives the ASN.1 form. A key of an elliptic curve signs with its own hash only.
    ///
    /// # Errors  In words.
    pub(crate) fn sign(&self, hash: SignatureHash, message: &[u8]) -> Result<Vec<u8>, String> {
        let schemes: &[SignatureScheme] = match hash {
            SignatureHash::Sha1 => return Err("signatures with SHA-1 are verified only, not made".to_owned()),
            SignatureHash::Sha256 => &[
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::ECDSA_NISTP256_SHA256,
            ],
            SignatureHash::Sha384 => &[
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::ECDSA_NISTP384_SHA384,
            ],
            SignatureHash::Sha512 => &[SignatureScheme::RSA_PKCS1_SHA512],
        };
        let signer = self.signing.choose_scheme(schemes).ok_or(
            "this key does not sign with this hash; RSA takes sha256, sha384, sha512, P-256 sha256, P-384 sha384",
        )?;
        signer.sign(message).map_err(|error| format!("cannot sign: {error}"))
    }
}

impl PublicKey {
    /// A key from its SubjectPublicKeyInfo.
    pub(crate) fn from_spki(spki: Vec<u8>) -> Self {
        PublicKey { spki: spki.into() }
    }

    /// A key from PEM.
    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        if let Some(key) = from_pem(text, "RSA PUBLIC KEY") {
            return Some(Self::pkcs1(&key));
        }
        from_pem(text, "PUBLIC KEY")
            .filter(|key| x509::public_key(key).is_some())
            .map(Self::from_spki)
    }

    /// An RSA key from modulus and exponent, big-endian.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::pkcs1(&der::sequence(&[&der::unsigned(n), &der::unsigned(e)]))
    }

    fn pkcs1(key: &[u8]) -> Self {
        let algorithm = der::element(der::SEQUENCE, &alg_id::RSA_ENCRYPTION);
        Self::from_spki(der::sequence(&[&algorithm, &der::bits(key)]))
    }

    /// A key of an elliptic curve (P-256, P-384, P-521) from its point; None for other curves and sizes.
    pub(crate) fn curve(name: &str, x: &[u8], y: &[u8]) -> Option<Self> {
        let (algorithm, size) = match name {
            "P-256" => (alg_id::ECDSA_P256, 32),
            "P-384" => (alg_id::ECDSA_P384, 48),
            "P-521" => (alg_id::ECDSA_P521, 66),
            _ => return None,
        };
        if x.len() != size || y.len() != size {
            return None;
        }
        let point = [&[4], x, y].concat();
        let algorithm = der::element(der::SEQUENCE, &algorithm);
        Some(Self::from_spki(der::sequence(&[&algorithm, &der::bits(&point)])))
    }

    /// Bytes of a coordinate when it is a key of an elliptic curve.
    pub(crate) fn coordinate_len(&self) -> Option<usize> {
        let (algorithm, _) = x509::public_key(&self.spki)?;
        let sizes = [
            (alg_id::ECDSA_P256, 32),
            (alg_id::ECDSA_P384, 48),
            (alg_id::ECDSA_P521, 66),
        ];
        sizes
            .iter()
            .find(|(id, _)| id.as_ref() == algorithm)
            .map(|(_, size)| *size)
    }

    /// Whether it is an RSA key.
    pub(crate) fn is_rsa(&self) -> bool {
        x509::public_key(&self.spki).is_some_and(|(algorithm, _)| algorithm == alg_id::RSA_ENCRYPTION.as_ref())
    }

    /// Whether `signature` (ECDSA: the ASN.1 form) is that of `message`; false also for combinations of key and hash
    /// that are not supported.
    pub(crate) fn verify(&self, hash: SignatureHash, message: &[u8], signature: &[u8]) -> bool {
        let Some((algorithm, key)) = x509::public_key(&self.spki) else {
            return false;
        };
        if algorithm == alg_id::ECDSA_P521.as_ref() {
            return verify_p521(hash, key, message, signature);
        }
        let is_rsa = self.is_rsa();
        let wanted: AlgorithmIdentifier = match (hash, is_rsa) {
            (SignatureHash::Sha1, true) => {
                let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key);
                return key.verify(message, signature).is_ok();
            }
            (SignatureHash::Sha256, true) => alg_id::RSA_PKCS1_SHA256,
            (SignatureHash::Sha384, true) => alg_id::RSA_PKCS1_SHA384,
            (SignatureHash::Sha512, true) => alg_id::RSA_PKCS1_SHA512,
            (SignatureHash::Sha256, false) => alg_id::ECDSA_SHA256,
            (SignatureHash::Sha384, false) => alg_id::ECDSA_SHA384,
            (SignatureHash::Sha1 | SignatureHash::Sha512, false) => return false,
        };
        let provider = super::tls_provider();
        let mut all = provider.signature_verification_algorithms.all.iter();
        all.any(|known| {
            known.public_key_alg_id().as_ref() == algorithm
                && known.signature_alg_id() == wanted
                && known.verify_signature(key, message, signature).is_ok()
        })
    }
}

/// ring has no P-521; tokens signed with ES512 have such keys.
fn verify_p521(hash: SignatureHash, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use p521::ecdsa::signature::hazmat::PrehashVerifier;
    use p521::ecdsa::{Signature, VerifyingKey};
    if hash != SignatureHash::Sha512 {
        return false;
    }
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) else {
        return false;
    };
    let digest = ring::digest::digest(&ring::digest::SHA512, message);
    key.verify_prehash(digest.as_ref(), &signature).is_ok()
}

/// Random bits from the system, for the maker of keys.
struct SystemBits;

impl rand_core::TryRng for SystemBits {
    type Error = getrandom::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        getrandom::u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        getrandom::u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        getrandom::fill(bytes)
    }
}

impl rand_core::TryCryptoRng for SystemBits {}

/// A new RSA key, PKCS #8.
fn generate_rsa(bits: usize) -> Option<Vec<u8>> {
    use rsa::traits::{PrivateKeyParts, PublicKeyParts};
    let mut key = rsa::RsaPrivateKey::new(&mut rand_core::UnwrapErr(SystemBits), bits).ok()?;
    key.precompute().ok()?;
    let (p, q) = match key.primes() {
        [p, q] => (p, q),
        _ => return None,
    };
    let (dp, dq, coefficient) = (key.dp()?, key.dq()?, key.crt_coefficient()?);
    // RFC 8017 A.1.2.
    let numbers = [
        key.n().to_be_bytes(),
        key.e().to_be_bytes(),
        key.d().to_be_bytes(),
        p.to_be_bytes(),
        q.to_be_bytes(),
        dp.to_be_bytes(),
        dq.to_be_bytes(),
        coefficient.to_be_bytes(),
    ];
    let mut contents = der::unsigned(&[0]);
    numbers.iter().for_each(|number| contents.extend(der::unsigned(number)));
    let pkcs1 = der::element(der::SEQUENCE, &contents);
    let algorithm = der::element(der::SEQUENCE, &alg_id::RSA_ENCRYPTION);
    Some(der::sequence(&[
        &der::unsigned(&[0]),
        &algorithm,
        &der::element(der::OCTETS, &pkcs1),
    ]))
}

#[rquickjs::methods]
impl PrivateKey {
    /// `new PrivateKey(pem)`: PKCS #8, PKCS #1 or SEC 1; `new PrivateKey({ type: 'rsa', bits })`: a new one.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Value<'js>, options: Opt<Value<'js>>) -> js::Result<Self> {
        refuse_alias_in(&ctx, options)?;
        if from.is_object() && Class::<JsData>::from_value(&from).is_err() {
            let options = Options::new(&ctx, &from)?;
            refuse_alias(&ctx, &options)?;
            let kind = options.string("type")?.unwrap_or_else(|| "rsa".to_owned());
            if kind != "rsa" {
                return Err(throw_error(
                    &ctx,
                    &format!("options.type '{kind}': only 'rsa' keys are made; load others as PEM"),
                ));
            }
            let bits = options.number("bits")?.unwrap_or(2048.0);
            let (least, most) = limits::RSA_BITS;
            if !(f64::from(least)..=f64::from(most)).contains(&bits) {
                return Err(throw_error(
                    &ctx,
                    &format!("options.bits {bits}: between {least} and {most}"),
                ));
            }
            let key = generate_rsa(bits as usize).ok_or_else(|| throw_error(&ctx, "cannot make an RSA key"))?;
            // Seconds, at worst, that are not the script's own loop.
            realm(&ctx).clock.pardon();
            return Self::from_der(&ctx, PrivatePkcs8KeyDer::from(key).into());
        }
        let text = source(&ctx, &from)?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| throw_error(&ctx, &format!("cannot read private key: {error}")))?;
        Self::from_der(&ctx, key)
    }

    /// As PEM.
    #[qjs(rename = "toPEM")]
    pub fn to_pem<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        let label = match &*self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        to_pem(ctx, label, self.key.secret_der())
    }
}

#[rquickjs::methods]
impl PublicKey {
    /// `new PublicKey(pem)`, `new PublicKey(privateKey)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Value<'js>, options: Opt<Value<'js>>) -> js::Result<Self> {
        refuse_alias_in(&ctx, options)?;
        if let Ok(key) = Class::<PrivateKey>::from_value(&from) {
            let spki = key.borrow().spki();
            let spki = spki.ok_or_else(|| throw_error(&ctx, "this private key does not tell its public key"))?;
            return Ok(Self::from_spki(spki));
        }
        let text = source(&ctx, &from)?;
        Self::from_text(&text)
            .ok_or_else(|| throw_error(&ctx, "cannot read public key: no valid BEGIN PUBLIC KEY in it"))
    }

    /// As PEM.
    #[qjs(rename = "toPEM")]
    pub fn to_pem<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        to_pem(ctx, "PUBLIC KEY", &self.spki)
    }
}

/// SM2 keys exist upstream; here they are refused in words, wherever options are.
pub(crate) fn refuse_alias(ctx: &Ctx<'_>, options: &Options<'_>) -> js::Result<()> {
    match options.string("aliasType")? {
        Some(alias) => Err(throw_type(
            ctx,
            &format!(
                "options.aliasType '{alias}' is not supported: no SM2 keys are in this engine; use RSA or EC keys"
            ),
        )),
        None => Ok(()),
    }
}

/// The same for options that stand behind a key.
fn refuse_alias_in<'js>(ctx: &Ctx<'js>, options: Opt<Value<'js>>) -> js::Result<()> {
    let options = options.0.filter(Value::is_object);
    options.map_or(Ok(()), |options| refuse_alias(ctx, &Options::new(ctx, &options)?))
}
