//! Authority and certificate of the webhook as the Secret holds them, and what is due when. Pure but for new keys. A new
//! authority is put beside the old one first; only when everybody has it is a certificate made by it. Not for: reading and
//! writing the Secret (`authority.rs`), serving (`certificate.rs`).
//!
//! | key | what |
//! | --- | --- |
//! | tls.crt, tls.key | certificate and its key, PEM: what replicas serve; the names that cert-manager uses too |
//! | ca.crt | all authorities that count, PEM: what the API server is to trust |
//! | ca.key | key of the newest one, PEM |
//! | state.json | names and ends of life |

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::trust;
use crate::limits::{AUTHORITIES, CERTIFICATE_CHECK};

/// Certificates count from so long ago, for clocks that are behind.
const BEHIND: Duration = Duration::from_secs(600);

/// A certificate that somebody else made stays for less than this.
const KEPT: Duration = Duration::from_secs(600);

/// The data of the Secret.
pub(super) type Data = BTreeMap<String, ByteString>;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lives {
    pub(super) authority: Duration,
}

impl Lives {
    /// A certificate's.
    fn leaf(self) -> Duration {
        self.authority / 3
    }

    /// How long an authority must have been published before a certificate is made by it: API servers learn of it by a watch.
    pub(super) fn settling(self) -> Duration {
        (self.authority / 30).min(Duration::from_secs(60))
    }

    /// Pause between two looks.
    pub(super) fn look(self) -> Duration {
        (self.authority / 120).min(CERTIFICATE_CHECK)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    state: State,
    /// PKCS 8.
    authority_key: Vec<u8>,
    leaf_pem: String,
    leaf_key_pem: String,
}

/// What `state.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Newest first, one at least.
    authorities: Vec<Authority>,
    leaf: Leaf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Authority {
    name: String,
    /// Seconds of Unix time.
    until: u64,
    pem: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Leaf {
    /// Name of the one that signed it.
    authority: String,
    /// What it is for.
    host: String,
    until: u64,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Another authority beside the old one.
    Authority,
    /// Another certificate, by the newest authority.
    Leaf,
}

impl Chain {
    /// A first authority and a certificate by it.
    ///
    /// # Errors
    /// No random numbers.
    pub(super) fn new(now: SystemTime, lives: Lives, host: &str) -> Result<Self, String> {
        let (authority, authority_key) = authority(now, lives)?;
        let state = State {
            leaf: Leaf {
                authority: String::new(),
                host: host.to_owned(),
                until: 0,
            },
            authorities: vec![authority],
        };
        let mut chain = Self {
            state,
            authority_key,
            leaf_pem: String::new(),
            leaf_key_pem: String::new(),
        };
        chain.renew(now, lives, host)?;
        Ok(chain)
    }

    /// For a Secret that can't be used: a new authority beside all that the Secret trusted so far, so that those who serve what
    /// they have are taken. If that is still in the Secret it stays until the new authority is known.
    ///
    /// # Errors
    /// No random numbers.
    pub(super) fn anew(data: &Data, now: SystemTime, lives: Lives, host: &str) -> Result<Self, String> {
        let mut chain = Self::new(now, lives, host)?;
        chain.state.authorities.extend(trusted(data, now, lives));
        chain.state.authorities.truncate(AUTHORITIES);
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        if let (Some(leaf), Some(key)) = (text("tls.crt"), text("tls.key")) {
            let old = Self {
                state: State {
                    leaf: Leaf {
                        authority: "another one".to_owned(),
                        host: host.to_owned(),
                        // Nothing tells its end, but it is good until then; long before that it is followed by one of ours.
                        until: seconds(now) + lives.leaf().min(KEPT).as_secs(),
                    },
                    ..chain.state.clone()
                },
                leaf_pem: leaf,
                leaf_key_pem: key,
                ..chain.clone()
            };
            if old.check().is_ok() {
                chain = old;
            }
        }
        Ok(chain)
    }

    /// Reads the Secret.
    ///
    /// # Errors
    /// What in it can't be used: broken, of somebody else, or not of one piece.
    pub(super) fn read(data: &Data) -> Result<Self, String> {
        let text = |key: &str| {
            let value = data.get(key).ok_or_else(|| format!("it has no key {key:?}"))?;
            String::from_utf8(value.0.clone()).map_err(|_| format!("{key} is no text"))
        };
        let state = text("state.json")?;
        let state: State = serde_json::from_str(&state).map_err(|e| format!("state.json: {e}"))?;
        if state.authorities.is_empty() {
            return Err("state.json names no authority".to_owned());
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(text("ca.key")?.as_bytes());
        let key = key.map_err(|e| format!("ca.key: {e}"))?;
        let chain = Self {
            state,
            authority_key: key.secret_pkcs8_der().to_vec(),
            leaf_pem: text("tls.crt")?,
            leaf_key_pem: text("tls.key")?,
        };
        chain.check()?;
        Ok(chain)
    }

    /// Whether all of it is of one piece.
    fn check(&self) -> Result<(), String> {
        let newest = self.state.authorities.first().ok_or("there is no authority")?;
        let key = self.key()?;
        let public = key.public_key_raw();
        let is_its = |der: &[u8]| der.windows(public.len()).any(|part| part == public);
        if !trust::authorities(newest.pem.as_bytes()).iter().any(|der| is_its(der)) {
            return Err("ca.key is not the key of the newest authority".to_owned());
        }
        let leaf = &self.state.leaf;
        trust::server_config(self.leaf_pem.as_bytes(), self.leaf_key_pem.as_bytes())?;
        // Whether it has run out is seen elsewhere (`due`), and clocks differ: what counts is that it is the one it should be.
        let last = leaf.until.saturating_sub(1);
        trust::verify(&self.bundle(), self.leaf_pem.as_bytes(), &leaf.host, last)
    }

    /// As the Secret holds it.
    pub(super) fn data(&self) -> Data {
        let state = serde_json::to_string(&self.state).expect("texts and numbers are JSON");
        let rows = [
            ("tls.crt", self.leaf_pem.clone()),
            ("tls.key", self.leaf_key_pem.clone()),
            ("ca.crt", self.bundle()),
            ("ca.key", pem("PRIVATE KEY", &self.authority_key)),
            ("state.json", state),
        ];
        let bytes = |text: String| ByteString(text.into_bytes());
        rows.map(|(key, text)| (key.to_owned(), bytes(text))).into()
    }

    /// What the API server is to trust, PEM.
    pub(super) fn bundle(&self) -> String {
        let each = self.state.authorities.iter().map(|authority| authority.pem.as_str());
        each.collect()
    }

    /// What is due. `published`: how long [`Chain::bundle`] has been seen where API servers read it; `None`: it is not there.
    pub(super) fn due(&self, now: SystemTime, lives: Lives, host: &str, published: Option<Duration>) -> Due {
        let now = seconds(now);
        let leaf = &self.state.leaf;
        let Some(newest) = self.state.authorities.first() else {
            return Due::Authority;
        };
        let is_old = |until: u64, life: Duration| now + life.as_secs() / 3 >= until;
        let is_settled = published.is_some_and(|since| since >= lives.settling());
        if is_old(newest.until, lives.authority) {
            return Due::Authority;
        }
        if leaf.authority != newest.name {
            // One that ran out can't become worse.
            return if is_settled || leaf.until <= now {
                Due::Leaf
            } else {
                Due::Nothing
            };
        }
        match is_old(leaf.until, lives.leaf()) || leaf.host != host {
            true => Due::Leaf,
            false => Due::Nothing,
        }
    }

    /// Puts another authority before the others; those that ran out go.
    ///
    /// # Errors
    /// No random numbers.
    pub(super) fn add_authority(&mut self, now: SystemTime, lives: Lives) -> Result<(), String> {
        let (authority, key) = authority(now, lives)?;
        self.state.authorities.insert(0, authority);
        // The one that signed what is served may have run out while nobody led.
        self.forget(now, self.state.leaf.authority.clone());
        self.state.authorities.truncate(AUTHORITIES);
        self.authority_key = key;
        Ok(())
    }

    /// Makes another certificate, by the newest authority.
    ///
    /// # Errors
    /// The authority's key is none, or the host is no name.
    pub(super) fn renew(&mut self, now: SystemTime, lives: Lives, host: &str) -> Result<(), String> {
        let newest = self.state.authorities.first().ok_or("there is no authority")?;
        let until = (seconds(now) + lives.leaf().as_secs()).min(newest.until);
        let mut params = CertificateParams::new([host.to_owned()]).map_err(|e| format!("name {host:?}: {e}"))?;
        params.distinguished_name = called("ballast-webhook");
        params.not_before = (now - BEHIND).into();
        params.not_after = (UNIX_EPOCH + Duration::from_secs(until)).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let issuer = Issuer::new(authority_params(&newest.name), self.key()?);
        let leaf = params.signed_by(&key, &issuer).map_err(|e| format!("sign: {e}"))?;
        self.leaf_pem = pem("CERTIFICATE", leaf.der());
        self.leaf_key_pem = pem("PRIVATE KEY", key.serialized_der());
        self.state.leaf = Leaf {
            authority: newest.name.clone(),
            host: host.to_owned(),
            until,
        };
        self.forget(now, self.state.leaf.authority.clone());
        Ok(())
    }

    /// Authorities that ran out go, but for one.
    fn forget(&mut self, now: SystemTime, but: String) {
        let now = seconds(now);
        let authorities = &mut self.state.authorities;
        authorities.retain(|authority| authority.until > now || authority.name == but);
    }

    fn key(&self) -> Result<KeyPair, String> {
        let key = PrivatePkcs8KeyDer::from(self.authority_key.as_slice());
        KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).map_err(|e| format!("ca.key: {e}"))
    }
}

fn authority(now: SystemTime, lives: Lives) -> Result<(Authority, Vec<u8>), String> {
    // A name of its own, so that a chain can be followed while there are two.
    let name = format!("ballast-webhook-ca {:08x}", fastrand::u32(..));
    let until = seconds(now) + lives.authority.as_secs();
    let mut params = authority_params(&name);
    params.not_before = (now - BEHIND).into();
    params.not_after = (UNIX_EPOCH + Duration::from_secs(until)).into();
    let key = new_key()?;
    let certificate = params.self_signed(&key).map_err(|e| format!("sign: {e}"))?;
    let pem = pem("CERTIFICATE", certificate.der());
    Ok((Authority { name, until, pem }, key.serialized_der().to_vec()))
}

/// The authorities that a Secret tells of, whoever wrote it. Those that are nobody's count as long as a certificate does.
fn trusted(data: &Data, now: SystemTime, lives: Lives) -> Vec<Authority> {
    let now = seconds(now);
    let state = data.get("state.json").map(|text| serde_json::from_slice(&text.0));
    let known = match state {
        Some(Ok(State { authorities, .. })) => authorities,
        _ => Vec::new(),
    };
    // Those of ca.crt first: whoever wrote tls.crt wrote that too.
    let bundle = data.get("ca.crt").map(|text| text.0.as_slice()).unwrap_or_default();
    let known_pems = known.iter().map(|authority| authority.pem.as_bytes());
    let mut found: Vec<Authority> = Vec::new();
    for der in std::iter::once(bundle).chain(known_pems).flat_map(trust::authorities) {
        let pem = pem("CERTIFICATE", &der);
        if found.iter().any(|authority| authority.pem == pem) {
            continue;
        }
        let known = known.iter().find(|authority| authority.pem == pem);
        let (name, until) = match known {
            Some(known) => (known.name.clone(), known.until.min(now + lives.authority.as_secs())),
            None => (format!("another one {}", found.len()), now + lives.leaf().as_secs()),
        };
        if until > now {
            found.push(Authority { name, until, pem });
        }
    }
    found
}

/// What an authority and those who sign by it must agree on.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn called(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn new_key() -> Result<KeyPair, String> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| format!("make a key: {e}"))
}

/// PEM (RFC 7468): lines of 64 letters.
fn pem(kind: &str, der: &[u8]) -> String {
    let letters = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = format!("-----BEGIN {kind}-----\n");
    for (index, letter) in letters.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n-----END {kind}-----\n")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
