//! The token that Repo and controller share, in a Secret: made when there is none, so that nobody has to think one up. Not
//! for: tokens in files or the environment (`config.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::config::{ObjectName, checked_token};
use crate::error::causes;
use crate::limits::{CHECK_TIMEOUT, RENEW};

/// The key in the Secret.
const KEY: &str = "token";
/// Bytes of a new token; twice as many letters.
const TOKEN_BYTES: usize = 32;

/// The token in the Secret. Waits until there is one that can be used, for as long as it takes.
pub(crate) async fn of(client: Client, secret: &ObjectName) -> String {
    let secrets: Api<Secret> = Api::namespaced(client, &secret.namespace);
    let mut told = String::new();
    loop {
        let reason = match tokio::time::timeout(CHECK_TIMEOUT, look(&secrets, &secret.name)).await {
            Ok(Ok(token)) => return token,
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer within {CHECK_TIMEOUT:?}"),
        };
        if reason != told {
            tracing::warn!(secret = %secret, "token: {reason}; trying again");
            told = reason;
        }
        tokio::time::sleep(RENEW).await;
    }
}

async fn look(secrets: &Api<Secret>, name: &str) -> Result<String, String> {
    if let Some(secret) = secrets.get_opt(name).await.map_err(|e| causes(&e))? {
        return token_of(&secret);
    }
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| format!("no random bytes: {e}"))?;
    let token = bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text takes all that is written");
        text
    });
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(token.into_bytes()))])),
        ..Secret::default()
    };
    // Another one may have been first; then the answer is a refusal, and the next look finds the other's.
    let made = secrets.create(&PostParams::default(), &secret).await;
    let made = made.map_err(|e| causes(&e))?;
    tracing::info!(secret = name, "made, with a new token");
    token_of(&made)
}

fn token_of(secret: &Secret) -> Result<String, String> {
    let value = secret.data.as_ref().and_then(|data| data.get(KEY));
    let value = value.ok_or_else(|| format!("it has no key {KEY:?}"))?;
    checked_token(&String::from_utf8_lossy(&value.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_used() {
        let rows: [(&str, &[u8], Result<&str, &str>); 4] = [
            (KEY, b"abc\n", Ok("abc")),
            (KEY, b" ", Err("printable")),
            (KEY, b"\xff", Err("printable")),
            ("other", b"abc", Err("no key")),
        ];
        for (key, value, wanted) in rows {
            let secret = Secret {
                data: Some(BTreeMap::from([(key.to_owned(), ByteString(value.to_vec()))])),
                ..Secret::default()
            };
            match (token_of(&secret), wanted) {
                (Ok(token), Ok(wanted)) => assert_eq!(token, wanted),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (seen, wanted) => panic!("{key} {value:?}: {seen:?}, not {wanted:?}"),
            }
        }
    }
}
