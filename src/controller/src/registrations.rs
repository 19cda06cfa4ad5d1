//! What becomes of registrations, told as Events of the Pods: agents report it to the Repo, and it is asked for there while we
//! lead. It comes from Pods, so no decision rests on it. Not for: what we did ourselves (`events.rs`).

use std::convert::Infallible;
use std::time::Instant;

use ballast_repo_client::Registration;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::events::{self, Allowance, Weight};
use crate::limits::{CONCURRENT_EVENTS, MAX_REPO_PAUSE, NEWS_WAIT};
use crate::publish::{Publisher, key_of};
use crate::reconcile::{Key, Kind};

/// Tells of them, for ever.
pub(crate) async fn run(publisher: &Publisher, reporter: &str) -> Infallible {
    let (mut after, mut allowance) = (None, Allowance::new(Instant::now()));
    loop {
        let news = match publisher.writer.registrations(after, NEWS_WAIT).await {
            Ok(news) => news,
            Err(error) => {
                // What is wrong with the Repo is told by the loop that publishes.
                tracing::debug!("registrations: {error}; asking again in {MAX_REPO_PAUSE:?}");
                tokio::time::sleep(MAX_REPO_PAUSE).await;
                continue;
            }
        };
        after = Some(news.last);
        let mut telling = FuturesUnordered::new();
        for (key, uid, note) in news.registrations.iter().filter_map(told) {
            tracing::info!(%key, "{}", note.2);
            if !allowance.take(Instant::now()) {
                continue;
            }
            if telling.len() >= CONCURRENT_EVENTS {
                telling.next().await;
            }
            let event = events::of_registration(&key, uid, note, reporter);
            telling.push(events::make(publisher.client.clone(), event));
        }
        while telling.next().await.is_some() {}
    }
}

/// Pod, UID, and what there is to tell; `None`: nothing.
fn told(one: &Registration) -> Option<(Key, &str, (Weight, &'static str, String))> {
    let key = key_of(&one.codebase).filter(|key| key.kind == Kind::Pod)?;
    let (weight, reason) = match one.state.as_str() {
        "registered" => (Weight::Normal, "Registered"),
        "deregistered" => (Weight::Normal, "Deregistered"),
        "failed" => (Weight::Warning, "RegistrationFailed"),
        "lost" => (Weight::Warning, "RegistrationLost"),
        _ => return None,
    };
    Some((key, &one.uid, (weight, reason, format!("{}: {}", one.id, one.words))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_states_are_told() {
        // (codebase, state, reason)
        let rows = [
            ("/pod/shop/web", "registered", Some("Registered")),
            ("/pod/shop/web", "failed", Some("RegistrationFailed")),
            ("/pod/shop/web", "deregistered", Some("Deregistered")),
            ("/pod/shop/web", "lost", Some("RegistrationLost")),
            ("/pod/shop/web", "dancing", None),
            ("/config/shop/web", "registered", None),
            ("/base", "registered", None),
        ];
        for (codebase, state, wanted) in rows {
            let one = Registration {
                codebase: codebase.to_owned(),
                uid: "u".to_owned(),
                id: "i".to_owned(),
                state: state.to_owned(),
                words: "w".to_owned(),
            };
            let reason = told(&one).map(|(_, _, (_, reason, note))| {
                assert_eq!(note, "i: w");
                reason
            });
            assert_eq!(reason, wanted, "{codebase} {state}");
        }
    }
}
