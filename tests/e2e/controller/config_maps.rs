//! ConfigMaps as codebases: what `kubectl apply` changes is what workers are served.

use ballast_tests::repo_path;
use serde_json::{Value, json};

use crate::world::{World, reaction};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, labels: &Value, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "data": data,
    })
}

/// A file as workers are served it; `None`: there is none.
fn file(world: &World, path: &str) -> Option<String> {
    let answer = world.repo().get(&format!("/repo/config/default/{path}"));
    (answer.status == 200).then(|| answer.text())
}

#[test]
fn a_config_map_from_its_label_to_its_end() {
    let world = World::start();
    let controller = world.leader("one");
    let post = |body: &Value| drop(world.plane.done(&format!("POST {MAPS}"), body));
    let patch = |name: &str, body: &Value| drop(world.plane.done(&format!("PATCH {MAPS}/{name}"), body));
    let served = |path: &str, wanted: Option<&str>| file(&world, path).as_deref() == wanted;
    let version = || world.repo().version("/config/default/hello").0;

    post(&map("plain", &json!({"app": "x"}), &json!({"main.js": "// no"})));
    let hello = json!({"main.js": "pipy.exit()", "lib.js": "export default 1"});
    let label = json!({"infra.flomesh.io/codebase": "true"});
    let line = reaction(
        "a labelled ConfigMap",
        || post(&map("hello", &label, &hello)),
        || served("hello/main.js", Some("pipy.exit()")) && served("hello/lib.js", Some("export default 1")),
    );
    println!("{line}");
    let first = version();

    // A publish that broke off before its commit leaves this: an edit of what is then taken out.
    world.write("POST /api/v1/repo-files/config/default/hello/lib.js", "// left");
    // All that changes together is served together, as a new version.
    let change = json!({"data": {"main.js": "pipy.exit(1)", "lib.js": null, "more.js": "export default 2"}});
    let line = reaction(
        "changed",
        || patch("hello", &change),
        || served("hello/main.js", Some("pipy.exit(1)")),
    );
    println!("{line}");
    assert!(served("hello/lib.js", None) && served("hello/more.js", Some("export default 2")));
    let second = version();
    assert_ne!(first, second);

    // What is of no meaning to it changes nothing.
    patch("hello", &json!({"metadata": {"annotations": {"note": "x"}}}));
    // And neither does a controller that begins anew.
    drop(controller);
    let mut controller = world.leader("one");
    controller.wait_output(crate::world::SOON, "all config maps are known");
    post(&map("last", &label, &json!({"main.js": "// last"})));
    world.wait_for("the last one", || served("last/main.js", Some("// last")));
    assert_eq!(version(), second);

    let is_gone = |name: &str| world.repo().get(&format!("/repo/config/default/{name}/")).status == 410;
    let unlabel = json!({"metadata": {"labels": {"infra.flomesh.io/codebase": null}}});
    println!(
        "{}",
        reaction("label removed", || patch("hello", &unlabel), || is_gone("hello"))
    );
    let delete = || drop(world.plane.done(&format!("DELETE {MAPS}/last"), &Value::Null));
    println!("{}", reaction("deleted", delete, || is_gone("last")));
    assert!(served("plain/main.js", None));
}

#[test]
fn one_that_derives_and_one_that_went_meanwhile() {
    let world = World::start();
    let controller = world.leader("one");
    let label = json!({"infra.flomesh.io/codebase": "true"});
    let mut derived = map("derived", &label, &json!({"own.js": "// own"}));
    derived["metadata"]["annotations"] = json!({"infra.flomesh.io/base": "/base"});
    world.plane.done(&format!("POST {MAPS}"), &derived);
    world.wait_for("the derived one", || {
        file(&world, "derived/own.js").as_deref() == Some("// own")
    });
    let inherited = std::fs::read_to_string(repo_path("scripts/lib/port.js")).unwrap();
    assert_eq!(file(&world, "derived/lib/port.js"), Some(inherited), "inherited");

    // What it derives from can't change while it is served; whoever tries is told, and nothing is lost.
    let other = json!({"metadata": {"annotations": {"infra.flomesh.io/base": null}}});
    world.plane.done(&format!("PATCH {MAPS}/derived"), &other);
    world.wait_for("what can't be", || {
        let mut events = world.events("ConfigMap", "derived").into_iter();
        events.any(|event| event.1 == "Impossible" && event.2.contains("derives from /base"))
    });
    assert_eq!(file(&world, "derived/own.js").as_deref(), Some("// own"));

    drop(controller);
    world.plane.done(&format!("DELETE {MAPS}/derived"), &Value::Null);
    let _controller = world.leader("one");
    world.wait_for("the derived one to be gone", || {
        file(&world, "derived/own.js").is_none()
    });
}
