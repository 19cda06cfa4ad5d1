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
}

/// Each row is a Secret that somebody else has had a hand in.
#[test]
fn what_is_not_of_one_piece_is_told() {
    let chain = Chain::new(start(), YEAR, HOST).unwrap();
    let mut later = chain.clone();
    later.renew(start(), YEAR, HOST).unwrap();
    let other = Chain::new(start(), YEAR, HOST).unwrap();
    let (own, foreign, later) = (chain.data(), other.data(), later.data());
    let garbage = Data::from_iter(own.keys().map(|key| (key.clone(), ByteString(b"{}".to_vec()))));
    // (keys, where they are taken from; none: they are missing, words of the reason)
    let rows: [(&[&str], Option<&Data>, &str); 14] = [
        (&["state.json"], None, "state.json"),
        (&["ca.key"], None, "ca.key"),
        (&["tls.crt"], None, "tls.crt"),
        (&["tls.key"], None, "tls.key"),
        (&["state.json"], Some(&garbage), "state.json"),
        (&["ca.key"], Some(&garbage), "ca.key"),
        (&["tls.crt"], Some(&garbage), "tls.crt"),
        (&["tls.key"], Some(&garbage), "tls.key"),
        (&["tls.crt"], Some(&foreign), "tls.crt and tls.key"),
        (&["tls.key"], Some(&foreign), "tls.crt and tls.key"),
        (&["tls.crt"], Some(&later), "tls.crt and tls.key"),
        (&["tls.crt", "tls.key"], Some(&foreign), "UnknownIssuer"),
        (&["tls.crt", "tls.key", "ca.crt"], Some(&foreign), "UnknownIssuer"),
        (&["ca.key"], Some(&foreign), "not the key of the newest authority"),
    ];
    for (keys, from, wanted) in rows {
        let mut data = chain.data();
        for key in keys {
            match from {
                Some(from) => data.insert((*key).to_owned(), from[*key].clone()),
                None => data.remove(*key),
            };
        }
        let reason = Chain::read(&data).unwrap_err();
        assert!(reason.contains(wanted), "{keys:?}: {reason}");
        // Whatever it was: what comes of it can be read, and who has the bundle takes what was served and what will be.
        let anew = Chain::anew(&data, start(), YEAR, HOST).unwrap();
        assert_eq!(Chain::read(&anew.data()).unwrap().data(), anew.data(), "{keys:?}");
        let bundle = anew.bundle();
        assert!(is_trusted(&bundle, &chain, HOST, start()), "{keys:?}: what was served");
        assert!(is_trusted(&bundle, &anew, HOST, start()), "{keys:?}: what will be");
    }
}

/// As after cert-manager: its certificate is served until everybody knows the new authority, and its authority goes in time.
#[test]
fn what_another_one_made_is_followed_without_a_gap() {
    let (now, theirs) = (start(), Chain::new(start(), YEAR, HOST).unwrap());
    let mut data = Chain::new(now, YEAR, HOST).unwrap().data();
    for key in ["tls.crt", "tls.key", "ca.crt"] {
        data.insert(key.to_owned(), theirs.data()[key].clone());
    }
    let mut chain = Chain::anew(&data, now, YEAR, HOST).unwrap();
    assert_eq!(chain.leaf_pem, theirs.leaf_pem);
    assert_eq!(
        chain.bundle().matches("BEGIN").count(),
        3,
        "ours, theirs, and our last one"
    );
    assert_eq!(chain.due(now, YEAR, HOST, Some(Duration::ZERO)), Due::Nothing);
    assert_eq!(chain.due(now, YEAR, HOST, Some(YEAR.settling())), Due::Leaf);
    chain.renew(now, YEAR, HOST).unwrap();
    assert!(is_trusted(&chain.bundle(), &chain, HOST, now));
    assert!(is_trusted(&chain.bundle(), &theirs, HOST, now), "some serve it still");
    let later = now + YEAR.leaf();
    chain.renew(later, YEAR, HOST).unwrap();
    assert!(!is_trusted(&chain.bundle(), &theirs, HOST, later - DAY));
    // One that is for another host, or has run out, is followed at once.
    for (host, now) in [("other.svc", now), (HOST, now + 121 * DAY)] {
        let chain = Chain::anew(&data, now, YEAR, host).unwrap();
        assert_ne!(chain.leaf_pem, theirs.leaf_pem);
        assert!(is_trusted(&chain.bundle(), &chain, host, now));
    }
}

#[test]
fn authorities_do_not_pile_up() {
    let mut data = Chain::new(start(), YEAR, HOST).unwrap().data();
    for _ in 0..10 {
        data.remove("ca.key");
        data = Chain::anew(&data, start(), YEAR, HOST).unwrap().data();
        let chain = Chain::read(&data).unwrap();
        assert!(chain.state.authorities.len() <= AUTHORITIES);
        assert!(is_trusted(&chain.bundle(), &chain, HOST, start()));
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
