//! What was done, as Events of the object that it was done for: `kubectl describe` shows them. Only what a person would want to
//! know (begin, end, what in the labels means nothing), and no more than so many: a cluster that is synced for the first time
//! must not drown in them. Not for: the log, which has it all. Source: Kubernetes API reference, Event v1 events.k8s.io.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use ballast_repo_client::Published;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::error::causes;
use crate::limits::{CHECK_TIMEOUT, EVENT_BURST, EVENTS_PER_SECOND};
use crate::publish::{Done, codebase};
use crate::reconcile::{Key, Kind};

/// Who says so.
const CONTROLLER: &str = "infra.flomesh.io/ballast-controller";
/// Longest note that the API server takes, bytes.
const MAX_NOTE_BYTES: usize = 1024;
/// Letters of an object's name in the name of its Event.
const MAX_NAME_LETTERS: usize = 200;

/// How many Events may be made now: a bucket that fills again with time.
#[derive(Debug)]
pub(crate) struct Allowance {
    tokens: f64,
    at: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tokens: EVENT_BURST,
            at: now,
        }
    }

    /// Whether one more may be made.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * EVENTS_PER_SECOND).min(EVENT_BURST);
        self.at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

/// One thing to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Weight {
    Normal,
    Warning,
}

/// What there is to tell about `done`: weight, reason and note.
fn notes(key: &Key, done: &Done) -> Vec<(Weight, &'static str, String)> {
    let name = codebase(key);
    match done {
        Done::Published(published, warnings) => {
            let what = match published {
                Published::Created => Some(("Published", format!("codebase {name} is served"))),
                Published::Version(version) => {
                    Some(("Updated", format!("codebase {name} is served as version {version}")))
                }
                // These come with every change of readiness.
                Published::InPlace | Published::Unchanged => None,
            };
            let what = what.map(|(reason, note)| (Weight::Normal, reason, note));
            let warnings = warnings.iter().filter(|_| *published != Published::Unchanged);
            let warnings = warnings.map(|warning| (Weight::Warning, "Ignored", warning.clone()));
            what.into_iter().chain(warnings).collect()
        }
        Done::Deleted => vec![(
            Weight::Normal,
            "Withdrawn",
            format!("codebase {name} is served no longer"),
        )],
        Done::Impossible(reason) => vec![(Weight::Warning, "Impossible", reason.clone())],
        Done::Nothing | Done::Foreign => Vec::new(),
    }
}

/// The Events about what was done for the object with this UID.
pub(crate) fn of(key: &Key, uid: &str, done: &Done, reporter: &str) -> Vec<Event> {
    let notes = notes(key, done).into_iter();
    notes
        .map(|note| event(key, uid, note, reporter, Timestamp::now()))
        .collect()
}

/// The Event about what became of a Pod's registration.
pub(crate) fn of_registration(
    key: &Key,
    uid: &str,
    (weight, reason, note): (Weight, &'static str, String),
    reporter: &str,
) -> Event {
    Event {
        action: Some("Register".to_owned()),
        ..event(key, uid, (weight, reason, note), reporter, Timestamp::now())
    }
}

fn event(
    key: &Key,
    uid: &str,
    (weight, reason, mut note): (Weight, &str, String),
    reporter: &str,
    now: Timestamp,
) -> Event {
    // A warning that is true still is told once in the life of an Event: the second one has the name of the first.
    let mut hasher = DefaultHasher::new();
    (uid, reason, &note).hash(&mut hasher);
    if weight == Weight::Normal {
        now.as_nanosecond().hash(&mut hasher);
    }
    let start: String = key.name.chars().take(MAX_NAME_LETTERS).collect();
    let name = format!("{}.{:016x}", start.trim_end_matches(['.', '-']), hasher.finish());
    note.truncate(note.floor_char_boundary(MAX_NOTE_BYTES));
    let (api_version, kind) = match key.kind {
        Kind::Pod => ("v1", "Pod"),
        Kind::ConfigMap => ("v1", "ConfigMap"),
    };
    Event {
        action: Some("Publish".to_owned()),
        event_time: Some(MicroTime(now)),
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        },
        note: Some(note),
        reason: Some(reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(api_version.to_owned()),
            kind: Some(kind.to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(reporter.to_owned()),
        type_: Some(match weight {
            Weight::Normal => "Normal".to_owned(),
            Weight::Warning => "Warning".to_owned(),
        }),
        ..Event::default()
    }
}

/// Makes an Event. One that can't be made is nobody's loss but the log's.
pub(crate) async fn make(client: Client, event: Event) {
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    let events: Api<Event> = Api::namespaced(client, &namespace);
    match tokio::time::timeout(CHECK_TIMEOUT, events.create(&PostParams::default(), &event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => {}
        Ok(Err(error)) => tracing::debug!(namespace, "event: {}", causes(&error)),
        Err(_) => tracing::debug!(namespace, "event: no answer within {CHECK_TIMEOUT:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key() -> Key {
        Key {
            kind: Kind::Pod,
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
        }
    }

    #[test]
    fn what_is_told() {
        let warning = || vec!["label x: means nothing".to_owned()];
        let rows = [
            (
                Done::Published(Published::Created, warning()),
                vec!["Published", "Ignored"],
            ),
            (
                Done::Published(Published::Version("2".to_owned()), Vec::new()),
                vec!["Updated"],
            ),
            (Done::Published(Published::InPlace, Vec::new()), vec![]),
            (Done::Published(Published::Unchanged, warning()), vec![]),
            (Done::Deleted, vec!["Withdrawn"]),
            (Done::Impossible("why".to_owned()), vec!["Impossible"]),
            (Done::Nothing, vec![]),
            (Done::Foreign, vec![]),
        ];
        for (done, wanted) in rows {
            let reasons: Vec<&str> = notes(&key(), &done).iter().map(|(_, reason, _)| *reason).collect();
            assert_eq!(reasons, wanted, "{done:?}");
        }
    }

    #[test]
    fn names_and_notes_are_what_the_api_server_takes() {
        let long = Key {
            name: format!("{}-{}", "a".repeat(MAX_NAME_LETTERS - 1), "b".repeat(50)),
            ..key()
        };
        let note = "ü".repeat(MAX_NOTE_BYTES);
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let make = |weight, seconds| event(&long, "u", (weight, "Ignored", note.clone()), "me", at(seconds));
        let warning = make(Weight::Warning, 1);
        let name = warning.metadata.name.clone().unwrap();
        assert!(name.len() <= 253 && !name.contains("-."), "{name}");
        assert!(warning.note.as_ref().unwrap().len() <= MAX_NOTE_BYTES);
        assert_eq!(
            make(Weight::Warning, 2).metadata.name,
            warning.metadata.name,
            "told once"
        );
        assert_ne!(
            make(Weight::Normal, 1).metadata.name,
            make(Weight::Normal, 2).metadata.name
        );
    }

    #[test]
    fn an_allowance_fills_again() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let mut taken = 0;
        while allowance.take(start) {
            taken += 1;
        }
        assert_eq!(f64::from(taken), EVENT_BURST);
        let later = start + Duration::from_secs_f64(1.5 / EVENTS_PER_SECOND);
        assert!(allowance.take(later) && !allowance.take(later));
    }
}
