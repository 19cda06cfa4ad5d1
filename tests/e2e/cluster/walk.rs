//! demo/03-kubernetes as its README tells it: a config server, a Spring Boot app and a static server by `kubectl apply`, registered
//! by their labels alone; one calls the other by its name.

use std::time::Instant;

use ballast_tests::http::{Request, Response};
use ballast_tests::{poll, repo_path};

use crate::start::text;
use crate::world::{DRAIN, REACTION, SOON, World};

const NAMES: [(&str, &str); 3] = [
    ("config", "config-service"),
    ("shop", "shop-client"),
    ("static", "pipy-http-static-server"),
];

pub(crate) fn the_demo_shows_three_names(world: &World) {
    for (pod, service) in NAMES {
        let file = repo_path(&format!("demo/03-kubernetes/{pod}.yaml"));
        let start = Instant::now();
        world
            .node
            .plane
            .kubectl(&["apply", "-f", file.to_str().expect("a UTF-8 path")]);
        // Java on a busy machine; the app reads its configuration from the one before it.
        world.node.wait_ready(pod);
        println!("      {pod} Ready after {:.1} s", start.elapsed().as_secs_f64());
        world.wait_status(service, "UP", Instant::now());
    }
    let address = text(&world.node.pod("shop").expect("it runs")["status"]["podIP"]);
    let ask = |path: &str| -> Option<Response> {
        let url = format!("http://{address}:8090{path}");
        world.node.netns().run(|| Request::new("GET", &url).send()).ok()
    };
    let greeting = ask("/greeting").map(|answer| answer.text());
    assert_eq!(greeting.as_deref(), Some("hello from the Config Server"));
    let call = "/call?service=pipy-http-static-server&path=/hello.txt";
    let calls = |wanted: u16, word: &str| {
        let is_so = |answer: &Response| answer.status == wanted && answer.text().contains(word);
        let seen = poll(SOON, || ask(call).filter(is_so));
        assert!(seen.is_some(), "{call}: {:?}", ask(call).map(|answer| answer.text()));
    };
    calls(200, "hello from a static file");

    let change = world.register("static", None);
    world.status_within(REACTION + DRAIN, "pipy-http-static-server", "", change);
    calls(503, "");
    let change = world.register("static", Some("true"));
    world.status_within(REACTION, "pipy-http-static-server", "UP", change);
    calls(200, "hello from a static file");

    for (pod, service) in NAMES {
        let change = world.delete(pod);
        world.wait_status(service, "", change);
    }
    for object in ["services/config-service", "configmaps/configs"] {
        world.node.plane.done(
            &format!("DELETE /api/v1/namespaces/default/{object}"),
            &serde_json::Value::Null,
        );
    }
}
