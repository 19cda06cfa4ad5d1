//! `ciphers`: an OpenSSL cipher list as suites of the TLS library. Source: pipyjs/filters.md section 7; OpenSSL's
//! ciphers(1), "CIPHER LIST FORMAT".
//!
//! As in OpenSSL a list chooses among the suites of TLS 1.2; those of TLS 1.3 stay, unless the list names some of them.
//! Names of ciphers that the library does not have (CBC, RC4, DHE, PSK...) choose nothing; only a list that leaves no
//! suite at all is an error.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256,
    TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};

/// A suite, its name in OpenSSL and the words that stand for it (beside `ALL` and the like).
type Row = (SupportedCipherSuite, &'static str, &'static [&'static str]);

/// In OpenSSL's order of preference.
static TLS13: [Row; 3] = [
    (TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", &[]),
    (TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", &[]),
    (TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", &[]),
];

static TLS12: [Row; 6] = [
    (
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
        &["aRSA", "RSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        &["ECDSA", "aECDSA", "CHACHA20"],
    ),
    (
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
        &["aRSA", "RSA", "CHACHA20"],
    ),
    (
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    (
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
        &["aRSA", "RSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
];

/// Words for all suites of TLS 1.2 that there are.
const ALL: &[&str] = &[
    "ALL",
    "DEFAULT",
    "HIGH",
    "COMPLEMENTOFDEFAULT",
    "TLSv1.2",
    "ECDHE",
    "EECDH",
    "kECDHE",
    "kEECDH",
    "AEAD",
];

/// `RSA` alone is the key exchange in OpenSSL, which no suite here uses; joined with others it is the certificate's.
fn is_word(row: &Row, word: &str, is_joined: bool) -> bool {
    row.1 == word || ALL.contains(&word) || ((is_joined || word != "RSA") && row.2.contains(&word))
}

/// The suites of `list`, in its order.
///
/// # Errors  When it chooses none.
pub(super) fn suites(list: &str) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut chosen: Vec<&Row> = Vec::new();
    let mut killed: Vec<&Row> = Vec::new();
    let mut newer: Vec<&Row> = Vec::new();
    for item in list
        .split([':', ',', ' '])
        .filter(|item| !item.is_empty() && !item.starts_with('@'))
    {
        if let Some(row) = TLS13.iter().find(|row| row.1 == item) {
            newer.push(row);
            continue;
        }
        let (sign, words) = match item.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), words)) => (sign, words),
            _ => ("", item),
        };
        let is_joined = words.contains('+');
        let matching = |row: &&'static Row| words.split('+').all(|word| is_word(row, word, is_joined));
        let rows: Vec<&Row> = TLS12.iter().filter(matching).collect();
        let same = |row: &&Row| rows.iter().any(|other| other.1 == row.1);
        match sign {
            "" => {
                let fresh = |row: &&Row| !chosen.iter().chain(&killed).any(|other| other.1 == row.1);
                let fresh: Vec<&Row> = rows.iter().copied().filter(fresh).collect();
                chosen.extend(fresh);
            }
            // Moves what was chosen to the end.
            "+" => {
                let (moved, mut kept): (Vec<&Row>, Vec<&Row>) = chosen.into_iter().partition(same);
                kept.extend(moved);
                chosen = kept;
            }
            _ => {
                chosen.retain(|row| !same(row));
                if sign == "!" {
                    killed.extend(rows);
                }
            }
        }
    }
    if chosen.is_empty() && newer.is_empty() {
        let known: Vec<&str> = TLS12.iter().chain(&TLS13).map(|row| row.1).collect();
        return Err(format!(
            "options.ciphers '{list}' names no cipher that is supported; supported: {}",
            known.join(":")
        ));
    }
    if newer.is_empty() {
        newer.extend(&TLS13);
    }
    Ok(newer.into_iter().chain(chosen).map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use super::{TLS12, TLS13, suites};

    /// Expected lists: `openssl ciphers -v LIST`, reduced to the suites that there are.
    #[track_caller]
    fn check(list: &str, expected: &str) {
        let all = || TLS13.iter().chain(&TLS12);
        let got = match suites(list) {
            Ok(got) => got,
            Err(error) => panic!("{list}: {error}"),
        };
        let names: Vec<&str> = got
            .iter()
            .filter_map(|suite| all().find(|row| row.0 == *suite).map(|row| row.1))
            .collect();
        let got: Vec<&str> = names.into_iter().filter(|name| !name.starts_with("TLS_")).collect();
        assert_eq!(got.join(":"), expected, "{list}");
    }

    #[test]
    fn lists() {
        let all: Vec<&str> = TLS12.iter().map(|row| row.1).collect();
        let all = all.join(":");
        for list in [
            "ALL",
            "DEFAULT",
            "HIGH:!aNULL:!MD5",
            "ECDHE+AESGCM:ECDHE+CHACHA20:HIGH:@STRENGTH",
        ] {
            let got = suites(list).expect(list);
            assert_eq!(got.len(), TLS13.len() + TLS12.len(), "{list}");
        }
        check("HIGH:!aNULL:!MD5", &all);
        check("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256");
        check(
            "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA",
            "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
        );
        check(
            "ECDHE+AESGCM+aRSA",
            "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
        );
        check("AES128:!aRSA", "ECDHE-ECDSA-AES128-GCM-SHA256");
        check("ALL:!AES", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
        check("!AES:ALL", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
        check(
            "CHACHA20:AES256:-aRSA:+CHACHA20",
            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305",
        );
        check("TLS_AES_128_GCM_SHA256", "");
    }

    #[test]
    fn suites_of_tls_13_stay_unless_some_are_named() {
        assert_eq!(suites("ECDHE-RSA-AES128-GCM-SHA256").expect("known").len(), 4);
        let named = suites("TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256").expect("known");
        assert_eq!(named, [TLS13[2].0, TLS12[5].0]);
    }

    #[test]
    fn a_list_without_a_suite_is_an_error() {
        for list in ["AES128-SHA", "RC4-MD5:DES-CBC3-SHA", "", "ALL:!ALL", "RSA", "PSK"] {
            let error = suites(list).expect_err(list);
            assert!(error.contains("names no cipher that is supported"), "{error}");
        }
    }
}
