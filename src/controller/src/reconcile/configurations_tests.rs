//! Which configurations count, and what becomes of those that do not.

use super::*;
use ballast_derive::Manifest;

use super::super::known::{Kind, Seen};
use crate::infra_configuration::Truth;

const LOGIN: &str = "{registry: {servers: ['http://r'], credentials: {secretName: s}}}";
const ON: &str = "{registry: {drainSeconds: 7}, features: {registry: {enabled: true}}}";

/// Made on that day.
fn object(namespace: &str, name: &str, day: u8, spec: &str) -> InfraConfiguration {
    let metadata = format!(
        "{{namespace: {namespace}, name: {name}, uid: {name}, generation: 1, creationTimestamp: '2026-01-{day:02}T00:00:00Z'}}"
    );
    let text = format!(
        "apiVersion: infra.flomesh.io/v1alpha1\nkind: InfraConfiguration\nmetadata: {metadata}\nspec: {spec}\n"
    );
    serde_yaml::from_str(&text).unwrap()
}

fn is(object: &InfraConfiguration) -> Told {
    Told::Is(Box::new(object.clone()))
}

/// With these told as a list.
fn listed(objects: &[InfraConfiguration], now: Instant) -> Configurations {
    let mut all = Configurations::default();
    list(&mut all, objects, now);
    all
}

fn list(all: &mut Configurations, objects: &[InfraConfiguration], now: Instant) {
    all.apply(Told::Listing, now);
    objects.iter().for_each(|object| all.apply(is(object), now));
    all.apply(Told::Listed, now);
}

fn pods(number: usize, namespaces: &[&str]) -> Known {
    let mut pods = Known::new(Kind::Pod);
    for namespace in namespaces {
        for at in 0..number {
            let text = format!(
                "kind: Pod\nmetadata: {{namespace: {namespace}, name: p{at}, uid: u, labels: {{infra.flomesh.io/registry: 'true'}}}}\n"
            );
            let pod = Manifest::all_from_yaml(&text).unwrap().remove(0);
            pods.apply(0, Seen::Pod(Box::new(pod), 1));
        }
    }
    pods
}

/// The steps that a look at all Pods takes, and whom it concerned.
fn pass(all: &mut Configurations, pods: &Known) -> (usize, Vec<Key>) {
    let (mut steps, mut concerned) = (0, Vec::new());
    loop {
        concerned.extend(all.concerned(pods, &Settings::default()));
        steps += 1;
        if !all.is_passing() {
            return (steps, concerned);
        }
    }
}

/// All statuses that are to be written.
fn statuses(all: &mut Configurations, pods: &Known, now: Instant) -> BTreeMap<Name, InfraConfigurationStatus> {
    all.count(pods, false, now);
    while all.is_passing() {
        all.count(pods, false, now);
    }
    std::iter::from_fn(|| all.next_status()).collect()
}

/// Reason of the condition `Accepted`.
fn accepted(status: &InfraConfigurationStatus) -> (Truth, &str) {
    (status.conditions[0].status, status.conditions[0].reason.as_str())
}

fn login() -> Login {
    Login {
        user: "u".to_owned(),
        password: "p".to_owned(),
    }
}

#[test]
fn a_login_that_was_known_counts_on_when_its_secret_is_gone() {
    let mut now = Instant::now();
    let mut all = listed(&[object("shop", "a", 1, LOGIN)], now);
    assert!(all.current().is_none(), "its Secret was not read yet");
    let (name, secret) = all.next_secret(now).unwrap();
    all.secret(&name, &secret, Ok(login()), now);
    let before = all.current().unwrap();
    assert_eq!(before[0].login, Some(Ok(login())));
    let none = pods(0, &[]);
    assert_eq!(
        accepted(&statuses(&mut all, &none, now)[&name]),
        (Truth::True, "Accepted")
    );
    now += SECRET_RECHECK;
    assert_eq!(all.next_secret(now), Some((name.clone(), secret.clone())));
    all.secret(&name, &secret, Err(("gone".to_owned(), false)), now);
    assert!(
        Arc::ptr_eq(&all.current().unwrap(), &before),
        "no Pod is looked at again"
    );
    let status = statuses(&mut all, &none, now).remove(&name).unwrap();
    assert_eq!(accepted(&status), (Truth::False, "SecretUnreadable"));
    assert!(status.conditions[0].message.starts_with("gone"));
    // Another time the same: nothing is to be done.
    all.secret(&name, &secret, Err(("gone".to_owned(), false)), now);
    assert!(all.status_due.is_none());
    // An API server that is away says nothing of it; a Secret that is back does.
    all.secret(&name, &secret, Err(("away".to_owned(), true)), now);
    assert!(all.status_due.is_none());
    all.secret(&name, &secret, Ok(login()), now);
    assert_eq!(accepted(&statuses(&mut all, &none, now)[&name]).0, Truth::True);
}

#[test]
fn without_any_login_known_it_is_said() {
    let now = Instant::now();
    let mut all = listed(&[object("shop", "a", 1, LOGIN)], now);
    let (name, secret) = all.next_secret(now).unwrap();
    all.secret(&name, &secret, Err(("forbidden".to_owned(), false)), now);
    let current = all.current().expect("what has nothing to do with it goes on");
    assert_eq!(current[0].login, Some(Err("forbidden".to_owned())));
    let status = &statuses(&mut all, &pods(0, &[]), now)[&name];
    assert_eq!(accepted(status), (Truth::False, "SecretUnreadable"));
}

#[test]
fn a_list_that_is_not_there_takes_nothing_back() {
    let now = Instant::now();
    let mut all = Configurations::default();
    all.apply(Told::Doubtful("404".to_owned()), now);
    assert!(all.current().is_none(), "nothing is published before they are known");
    list(&mut all, &[object("shop", "a", 1, ON)], now);
    let before = all.current().unwrap();
    all.apply(Told::Listing, now);
    all.apply(Told::Doubtful("404".to_owned()), now);
    assert!(Arc::ptr_eq(&all.current().unwrap(), &before));
    assert_eq!(all.namespaces().len(), 1);
    all.apply(Told::Absent, now);
    assert!(all.current().unwrap().is_empty() && all.namespaces().is_empty());
    let mut all = Configurations::default();
    all.apply(Told::Absent, now);
    assert!(all.current().is_some(), "a cluster without the resource has none");
}

#[test]
fn places_are_taken_in_the_order_of_time() {
    let now = Instant::now();
    let mut objects: Vec<_> = (0..MAX_NAMESPACES)
        .map(|at| object(&format!("z{at:02}"), "on", 1, ON))
        .collect();
    let mut all = listed(&objects, now);
    let before = all.namespaces().clone();
    assert_eq!(before.len(), MAX_NAMESPACES);
    objects.insert(0, object("aaa", "on", 2, ON));
    all.apply(is(&objects[0]), now);
    assert_eq!(all.namespaces(), &before, "the first by name, but not by time");
    let current = all.current().unwrap();
    let late = current.iter().find(|one| one.metadata.namespace == "aaa");
    assert!(late.is_some_and(|late| !late.enables()), "all else of it is followed");
    let pods = pods(1, &["aaa"]);
    let status = &statuses(&mut all, &pods, now)[&("aaa".to_owned(), "on".to_owned())];
    assert_eq!(
        (accepted(status), status.pods),
        ((Truth::False, "TooManyNamespaces"), 1)
    );
    all.apply(Told::Gone(("z00".to_owned(), "on".to_owned())), now);
    assert!(all.namespaces().contains("aaa"), "there is room again");
}

#[test]
fn what_can_not_be_turned_on_is_refused_alone() {
    let now = Instant::now();
    let proxy = "{registry: {drainSeconds: 7}, features: {proxy: {enabled: true}, stats: {enabled: true}}}";
    let objects = [object("shop", "proxy", 1, proxy), object(SYSTEM, "far", 1, ON)];
    let mut all = listed(&objects, now);
    let current = all.current().unwrap();
    let on: Vec<bool> = current.iter().map(Configuration::enables).collect();
    assert_eq!(
        on,
        [false, true],
        "neither for the whole cluster nor the proxy, but others"
    );
    assert!(!current[1].turns_on("proxy") && current[1].turns_on("stats"));
    let statuses = statuses(&mut all, &pods(0, &[]), now);
    let reasons: Vec<_> = statuses.values().map(accepted).collect();
    assert_eq!(
        reasons,
        [(Truth::False, "EnabledInSystem"), (Truth::False, "NeedsLabel")]
    );
    assert_eq!(all.namespaces().len(), 1);
}

#[test]
fn a_status_that_comes_back_waits() {
    let now = Instant::now();
    let mut one = object("shop", "a", 1, ON);
    let mut all = listed(std::slice::from_ref(&one), now);
    assert_eq!(all.due(), Some(now));
    let (name, status) = statuses(&mut all, &pods(3, &["shop"]), now).pop_first().unwrap();
    assert_eq!((name.1.as_str(), status.pods), ("a", 3));
    one.status = Some(status);
    all.apply(is(&one), now);
    assert_eq!(all.due(), Some(now + STATUS_PAUSE));
    assert!(
        statuses(&mut all, &pods(3, &["shop"]), now + STATUS_PAUSE).is_empty(),
        "it says so already"
    );
    one.metadata.generation = Some(2);
    all.apply(is(&one), now);
    assert_eq!(all.due(), Some(now), "somebody has changed it");
}

#[test]
fn no_statuses_are_worked_out_while_others_are_written() {
    let now = Instant::now();
    let mut all = listed(&[object("shop", "a", 1, ON), object("shop", "b", 2, ON)], now);
    let none = pods(0, &[]);
    all.count(&none, true, now);
    assert!(all.next_status().is_none());
    all.count(&none, false, now);
    assert!(all.next_status().is_some());
    all.pods_changed(now);
    all.count(&none, false, now + STATUS_PAUSE);
    assert!(
        all.next_status().is_some() && all.next_status().is_none(),
        "the second of the two"
    );
}

#[test]
fn long_passes_are_made_in_steps() {
    use crate::limits::PODS_PER_STEP;
    let now = Instant::now();
    let mut all = listed(&[object("shop", "a", 1, "{}")], now);
    let pods = pods(PODS_PER_STEP + 1, &["shop", "other"]);
    let (steps, concerned) = pass(&mut all, &pods);
    // Pods of one namespace, and all stays as it was.
    assert_eq!((steps, concerned.len()), (2, 0));
    all.apply(is(&object("shop", "b", 2, "{podSelector: {matchLabels: {a: b}}}")), now);
    assert_eq!(pass(&mut all, &pods).1.len(), 0);
    all.apply(is(&object("other", "c", 2, ON)), now);
    let (steps, concerned) = pass(&mut all, &pods);
    assert_eq!((steps, concerned.len()), (2, PODS_PER_STEP + 1));
    assert!(concerned.iter().all(|key| key.namespace == "other"));
    all.apply(is(&object(SYSTEM, "all", 3, "{registry: {leaseSeconds: 9}}")), now);
    let (steps, concerned) = pass(&mut all, &pods);
    assert_eq!((steps, concerned.len()), (3, pods.len()));
    let statuses = statuses(&mut all, &pods, now);
    let counts: Vec<_> = statuses.values().map(|status| status.pods as usize).collect();
    let each = PODS_PER_STEP + 1;
    assert_eq!(
        counts,
        [2 * each, each, each, 0],
        "ballast-system/all, other/c, shop/a, shop/b"
    );
}

#[test]
fn the_oldest_of_too_many_are_followed() {
    let now = Instant::now();
    let number = CONFIGURATIONS_PER_NAMESPACE;
    let objects: Vec<_> = (0..=number)
        .map(|at| object("shop", &format!("c{at:02}"), 28 - u8::from(at > 0), "{}"))
        .collect();
    let mut all = listed(&objects, now);
    assert_eq!(all.current().unwrap().len(), number);
    let statuses = statuses(&mut all, &pods(0, &[]), now);
    let refused: Vec<_> = statuses
        .iter()
        .filter(|(_, status)| accepted(status).1 == "TooManyConfigurations")
        .map(|(name, _)| name.1.as_str())
        .collect();
    assert_eq!(refused, ["c00"], "the youngest");
    all.apply(Told::Gone(("shop".to_owned(), "c01".to_owned())), now);
    assert_eq!(all.current().unwrap().len(), number, "there is room for it now");
}

#[test]
fn no_more_than_so_many_are_known() {
    let now = Instant::now();
    let mut all = Configurations::default();
    all.apply(Told::Listing, now);
    for at in 0..MAX_CONFIGURATIONS + 2 {
        let day = if at == 0 { 9 } else { 1 };
        all.apply(is(&object(&format!("n{at:04}"), "a", day, "{}")), now);
    }
    all.apply(Told::Listed, now);
    assert_eq!(all.held.len(), MAX_CONFIGURATIONS);
    assert!(
        !all.held.contains_key(&("n0000".to_owned(), "a".to_owned())),
        "the youngest"
    );
}
