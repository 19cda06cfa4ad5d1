//! Batches as the writer thread makes them.

use ballast_repo_client::pod::POD_PATH;

use super::*;
use crate::model::MAX_DEPTH;
use crate::resolve;

fn content(text: &'static str) -> Content {
    Content {
        bytes: Bytes::from_static(text.as_bytes()),
        hash: text.to_owned(),
        uid: None,
    }
}

fn create(name: &str, base: Option<&str>) -> Change {
    Change::Create {
        name: name.to_owned(),
        base: base.map(str::to_owned),
        version: "0".to_owned(),
        main: None,
    }
}

fn upload(name: &str, path: &str, text: &'static str) -> Change {
    Change::Upload {
        name: name.to_owned(),
        path: path.to_owned(),
        content: content(text),
    }
}

fn publish(name: &str, version: Option<&str>) -> Change {
    Change::Publish {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        main: None,
        base: None,
    }
}

/// Applies changes as one batch, as the writer thread does.
fn perform(state: &mut State, changes: Vec<Change>) -> (Vec<Result<(), Refused>>, Batch) {
    let mut draft = Draft::new(state);
    let results = changes.into_iter().map(|change| draft.apply(change)).collect();
    let batch = draft.finish();
    for (name, codebase) in &batch.codebases {
        state.set(name, codebase.clone());
    }
    for (name, at) in &batch.gone {
        state.set_gone(name, *at);
    }
    state.sequence = batch.sequence;
    (results, batch)
}

#[test]
fn changes_of_one_batch_see_each_other() {
    let mut state = State::default();
    let changes = vec![
        create("/a", None),
        create("/b", Some("/a")),
        create("/b/c", Some("/b")),
        publish("/a", Some("1")),
        publish("/b", Some("1")),
        upload("/a", "/x", "1"),
        publish("/a", Some("2")),
    ];
    let (results, _) = perform(&mut state, changes);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(resolve::served(&state, "/b").unwrap().version, "2");
    let (_, batch) = perform(
        &mut state,
        vec![create("/b/d", Some("/b")), Change::Delete { name: "/a".to_owned() }],
    );
    assert_eq!(
        state.names().count(),
        0,
        "what derives goes too, made in the same batch or before"
    );
    assert_eq!(batch.removed.len(), 2, "main.js and x");
}

#[test]
fn every_content_is_referred_to_or_removed() {
    let mut state = State::default();
    let mut kept = std::collections::BTreeSet::new();
    let erase = || Change::Erase {
        name: "/a".to_owned(),
        path: "/x".to_owned(),
    };
    let drop_edit = || Change::DropEdit {
        name: "/a".to_owned(),
        path: "/x".to_owned(),
    };
    let steps = [
        create("/a", None),
        upload("/a", "/x", "1"),
        upload("/a", "/x", "2"),
        publish("/a", Some("1")),
        upload("/a", "/x", "3"),
        drop_edit(),
        upload("/a", "/x", "4"),
        erase(),
        erase(),
        publish("/a", None),
        publish("/a", Some("2")),
        upload("/a", "/x", "5"),
        publish("/a", None),
        upload("/a", "/x", "5"),
        publish("/a", None),
    ];
    for (n, step) in steps.into_iter().enumerate() {
        let (results, batch) = perform(&mut state, vec![step]);
        assert!(results[0].is_ok(), "step {n}: {results:?}");
        kept.extend(batch.added.iter().map(|(blob, _)| *blob));
        for blob in &batch.removed {
            assert!(kept.remove(blob), "step {n}: removed twice");
        }
        let referred: std::collections::BTreeSet<u64> = state.get("/a").unwrap().blobs().collect();
        assert_eq!(kept, referred, "step {n}");
    }
}

#[test]
fn refused_changes_leave_nothing() {
    let mut state = State::default();
    perform(&mut state, vec![create("/a", None), create("/b", Some("/a"))]);
    let bad_base = Change::Publish {
        name: "/a".to_owned(),
        version: Some("1".to_owned()),
        main: None,
        base: Some("/b".to_owned()),
    };
    let rows = [
        ("exists", create("/a", None), Refused::Exists),
        ("alias", create("/uid/x", None), Refused::Name),
        ("no base", create("/c", Some("/none")), Refused::BaseNotFound),
        ("circle", bad_base, Refused::Base),
        ("version", publish("/a", Some("a b")), Refused::Version),
        ("empty version", publish("/a", Some("")), Refused::Version),
        ("unknown", upload("/none", "/x", "1"), Refused::NotFound),
    ];
    for (row, change, wanted) in rows {
        let (results, batch) = perform(&mut state, vec![change]);
        assert_eq!(results, [Err(wanted)], "{row}");
        assert!(
            batch.codebases.is_empty() && batch.added.is_empty() && batch.removed.is_empty(),
            "{row}"
        );
    }
    let mut last = "/a".to_owned();
    let depth = (1..100).find(|depth| {
        let name = format!("/deep{depth}");
        let (results, _) = perform(&mut state, vec![create(&name, Some(&last))]);
        last = name;
        results[0].is_err()
    });
    assert_eq!(depth, Some(MAX_DEPTH), "a chain of bases ends");
}

#[test]
fn uids_of_pods() {
    let pod = br#"{"metadata":{"uid":"3c0a-1"}}"#;
    let rows: [(&str, &str, &[u8], Option<&str>); 6] = [
        ("/pod/a/b", POD_PATH, pod, Some("3c0a-1")),
        ("/other/a", POD_PATH, pod, None),
        ("/pod/a/b", "/other.json", pod, None),
        ("/pod/a/b", POD_PATH, b"{", None),
        ("/pod/a/b", POD_PATH, br#"{"metadata":{"uid":"a/../b"}}"#, None),
        ("/pod/a/b", POD_PATH, br#"{"metadata":{"uid":""}}"#, None),
    ];
    for (name, path, bytes, wanted) in rows {
        assert_eq!(pod_uid(name, path, bytes).as_deref(), wanted, "{name} {path}");
    }
}
