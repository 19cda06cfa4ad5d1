//! The life of a chain, by a clock of the test's own, as the verifier of rustls sees it.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

const HOST: &str = "ballast-webhook.ballast-system.svc";
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Lives = Lives {
    authority: DAY.saturating_mul(360),
};

/// Whether who trusts `bundle` takes the certificate of `chain` for `host` at `now`.
fn is_trusted(bundle: &str, chain: &Chain, host: &str, now: SystemTime) -> bool {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let leaf = CertificateDer::from_pem_slice(chain.leaf_pem.as_bytes()).unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap());
    let verified = verifier
        .build()
        .unwrap()
        .verify_server_cert(&leaf, &[], &name, &[], now);
    verified.is_ok()
}

fn start() -> SystemTime {
    UNIX_EPOCH + 20_000 * DAY
}

#[test]
fn a_new_chain_is_trusted_by_its_own_bundle_only() {
    let now = start();
    for host in [HOST, "127.0.0.1"] {
        let chain = Chain::new(now, YEAR, host).unwrap();
        assert!(is_trusted(&chain.bundle(), &chain, host, now));
        assert!(
            is_trusted(&chain.bundle(), &chain, host, now - BEHIND / 2),
            "a clock that is behind"
        );
        assert!(!is_trusted(&chain.bundle(), &chain, "other.svc", now));
        assert!(!is_trusted(&chain.bundle(), &chain, host, now + 121 * DAY));
        let other = Chain::new(now, YEAR, host).unwrap();
        assert!(!is_trusted(&other.bundle(), &chain, host, now));
    }
}

#[test]
fn what_is_written_is_read() {
    let chain = Chain::new(start(), YEAR, HOST).unwrap();
    let mut again = Chain::read(&chain.data()).unwrap();
    assert_eq!(again.data(), chain.data());
    again.renew(start(), YEAR, HOST).unwrap();
    assert!(
        is_trusted(&chain.bundle(), &again, HOST, start()),
        "signed by the same authority"
    );
    for (key, wanted) in [
        ("state.json", "state.json"),
        ("ca.key", "ca.key"),
        ("tls.crt", "tls.crt"),
    ] {
        let mut data = chain.data();
        data.remove(key);
        assert!(Chain::read(&data).unwrap_err().contains(wanted));
        if key != "tls.crt" {
            data.insert(key.to_owned(), ByteString(b"{}".to_vec()));
            assert!(Chain::read(&data).unwrap_err().contains(wanted));
        }
    }
}

/// Three years, a day at a time: whoever has the bundle of the day before takes what is served today.
#[test]
fn nobody_is_ever_without_trust() {
    let mut now = start();
    let mut chain = Chain::new(now, YEAR, HOST).unwrap();
    let mut published = chain.bundle();
    let (mut authorities, mut leaves) = (0, 0);
    for day in 0..3 * 360 {
        now = start() + day * DAY;
        assert!(is_trusted(&published, &chain, HOST, now), "day {day}");
        // The leader: it publishes, and a minute later looks again.
        let settled = (published == chain.bundle()).then_some(DAY);
        published = chain.bundle();
        match chain.due(now, YEAR, HOST, settled) {
            Due::Nothing => {}
            Due::Authority => {
                chain.add_authority(now, YEAR).unwrap();
                authorities += 1;
            }
            Due::Leaf => {
                chain.renew(now, YEAR, HOST).unwrap();
                leaves += 1;
            }
        }
        assert!(
            is_trusted(&published, &chain, HOST, now),
            "day {day}, with the bundle of before"
        );
        assert!(chain.state.authorities.len() <= 2, "day {day}");
    }
    assert!((4..=5).contains(&authorities), "{authorities}");
    assert!((12..=20).contains(&leaves), "{leaves}");
}

#[test]
fn a_certificate_waits_until_its_authority_is_known() {
    let now = start();
    let mut chain = Chain::new(now, YEAR, HOST).unwrap();
    assert_eq!(chain.due(now, YEAR, HOST, None), Due::Nothing);
    assert_eq!(chain.due(now, YEAR, "other.svc", None), Due::Leaf, "for another host");
    let later = now + 241 * DAY;
    assert_eq!(chain.due(later, YEAR, HOST, None), Due::Authority);
    chain.renew(later, YEAR, HOST).unwrap();
    chain.add_authority(later, YEAR).unwrap();
    let second = Duration::from_secs(1);
    for (published, wanted) in [
        (None, Due::Nothing),
        (Some(YEAR.settling() - second), Due::Nothing),
        (Some(YEAR.settling()), Due::Leaf),
    ] {
        assert_eq!(chain.due(later, YEAR, HOST, published), wanted, "{published:?}");
    }
    // It ran out because nobody could publish: no worse with the new one.
    assert_eq!(chain.due(later + 130 * DAY, YEAR, HOST, None), Due::Leaf);
}
