//! Somebody is away: the controller, the Repo, the API server. Nothing is lost, nothing deleted wrongly.

use ballast_tests::wait_for;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::world::{SOON, World, labelled, running};

#[test]
fn the_controller_is_away() {
    let world = World::start();
    let controller = world.leader("one");
    for name in ["stays", "goes", "unlabelled", "replaced"] {
        world.create(&labelled(name));
        world.wait_document(name, "published", |_| true);
    }
    let version = world.version("stays");
    let uid = world.document("replaced").unwrap()["metadata"]["uid"].clone();
    // Made by hand, of a container that the API server does not know.
    world.write("POST /api/v1/repo/pod/default/by-hand", r#"{"base":"/base"}"#);
    let document =
        r#"{"schema":1,"metadata":{"name":"by-hand","namespace":"default"},"spec":{"containers":[]},"features":{}}"#;
    world.write("POST /api/v1/repo-files/pod/default/by-hand/config/pod.json", document);
    world.write("PATCH /api/v1/repo/pod/default/by-hand", r#"{"version":"1"}"#);

    drop(controller);
    world.remove("goes");
    world.remove("replaced");
    world.create(&labelled("replaced"));
    world.label("unlabelled", "registry", &Value::Null);
    world.create(&labelled("comes"));
    let controller = world.leader("one");
    world.wait_gone("goes");
    world.wait_gone("unlabelled");
    world.wait_document("comes", "published", |_| true);
    world.wait_document("replaced", "another uid", |pod| pod["metadata"]["uid"] != uid);
    // The names in the Repo have been looked at, or "goes" would still be there.
    assert_eq!(world.version("stays"), version, "what did not change is not touched");
    assert_eq!(world.status("by-hand"), 200, "what is not ours is not touched");

    // Killed at any point: whatever a publish was at, the next controller takes it up.
    drop(controller);
    for round in 0..8 {
        let doomed = world.controller("one");
        let names: Vec<String> = (0..4).map(|number| format!("round-{round}-{number}")).collect();
        names.iter().for_each(|name| drop(world.create(&labelled(name))));
        // At the first trace of work, which is in the middle of it for the others.
        wait_for(SOON, "the first of a round", || {
            world
                .codebases()
                .iter()
                .any(|name| name.contains(&format!("/round-{round}-")))
        });
        drop(doomed);
        world.remove(&names[0]);
    }
    let _controller = world.leader("one");
    for round in 0..8 {
        for number in 1..4 {
            world.wait_document(&format!("round-{round}-{number}"), "taken up again", |_| true);
        }
        wait_for(SOON, "the deleted ones to be gone", || {
            matches!(world.status(&format!("round-{round}-0")), 404 | 410)
        });
    }
    assert_eq!(world.version("stays"), version);
    assert_eq!(world.status("by-hand"), 200);
}

#[test]
fn the_repo_is_away_or_comes_back_empty() {
    let mut world = World::start();
    let mut controller = world.leader("one");
    for name in ["stays", "goes", "flips"] {
        world.create(&labelled(name));
        world.wait_document(name, "published", |_| true);
    }
    let version = world.version("stays");

    world.repo = None;
    world.remove("goes");
    world.patch("flips/status", &running(true));
    world.create(&labelled("comes"));
    // The pauses have grown to the longest: however long it lasts, it stays like this.
    wait_for(SOON, "the pauses to have grown", || {
        controller.output().matches("does not answer").count() >= 6
    });
    world.start_repo("data");
    controller.wait_output(SOON, "answers again");
    world.wait_gone("goes");
    world.wait_document("comes", "published", |_| true);
    world.wait_document("flips", "ready", |pod| pod["status"]["ready"] == true);
    assert_eq!(world.version("stays").0, version.0);

    // It hangs: nothing is answered, nothing refused.
    world.repo().process.signal(Signal::SIGSTOP).unwrap();
    world.patch("flips/status", &running(false));
    wait_for(SOON, "a time-out", || {
        controller.output().matches("does not answer").count() >= 7
    });
    world.repo().process.signal(Signal::SIGCONT).unwrap();
    world.wait_document("flips", "not ready", |pod| pod["status"]["ready"] == false);

    // All is lost: the names are looked at, and what is missing is published.
    world.start_repo("empty");
    for name in ["stays", "comes", "flips"] {
        world.wait_document(name, "published again", |_| true);
    }
    assert!(!controller.output().contains("panicked"), "{}", controller.output());
}

#[test]
fn the_api_server_is_away() {
    let mut world = World::start();
    let mut controller = world.leader("one");
    for name in ["stays", "goes", "flips"] {
        world.create(&labelled(name));
        world.wait_document(name, "published", |_| true);
    }
    let version = world.version("stays");
    world.plane.kill_api();
    controller.wait_output(SOON, "leading no longer");
    assert_eq!(world.codebases().len(), 3);
    world.plane.start_api();
    world.remove("goes");
    world.patch("flips/status", &running(true));
    world.create(&labelled("comes"));
    world.wait_gone("goes");
    world.wait_document("comes", "published", |_| true);
    world.wait_document("flips", "ready", |pod| pod["status"]["ready"] == true);
    assert_eq!(world.version("stays"), version);

    // It hangs while a controller starts: who has seen nothing deletes nothing.
    drop(controller);
    world.plane.freeze(true);
    let mut blind = world.controller("one");
    blind.wait_output(SOON, "no answer within");
    assert_eq!(world.codebases().len(), 3, "{:?}", world.codebases());
    world.plane.freeze(false);
    blind.wait_output(SOON, "all pods are known");
    world.patch("flips/status", &running(false));
    world.wait_document("flips", "not ready", |pod| pod["status"]["ready"] == false);
    assert_eq!(world.version("stays"), version);
    assert!(!blind.output().contains(" deleted"), "{}", blind.output());
}
