//! A Pod's start, and what it has: the sandbox is ours, its network and its names work.

use std::time::Duration;

use ballast_tests::http::Request;
use ballast_tests::poll;
use serde_json::Value;

use crate::world::{World, web};

pub(crate) fn a_pod_runs_over_our_sandbox(world: &World) {
    let node = &world.node;
    node.apply(&web("first", "{app: first}"));
    let pod = node.wait_ready("first");
    let (uid, ip) = (text(&pod["metadata"]["uid"]), text(&pod["status"]["podIP"]));
    assert_eq!(node.processes(&uid, "pause").len(), 1, "PID 1 is ours");
    poll(Duration::from_secs(10), || {
        (!node.processes(&uid, "ballast").is_empty()).then_some(())
    })
    .expect("the agent runs beside it");
    let url = format!("http://{ip}:8080/name");
    let answer = node.netns().run(|| Request::new("GET", &url).send());
    assert_eq!(answer.expect("the Pod answers").text().trim(), "first");
    node.delete("first");
}

/// kube-proxy and the name server do their part: a Pod finds another by the name of its Service.
pub(crate) fn services_are_reached_by_name(world: &World) {
    let node = &world.node;
    node.apply(&web("behind", "{app: behind}"));
    node.apply(
        "apiVersion: v1
kind: Service
metadata:
  name: front
spec:
  selector: {app: behind}
  ports: [{port: 80, targetPort: http}]
",
    );
    node.apply(&web("asking", "{app: asking}"));
    node.wait_ready("behind");
    node.wait_ready("asking");
    let ask = [
        "exec",
        "asking",
        "--",
        "/bin/wget",
        "-q",
        "-O",
        "-",
        "http://front.default.svc/name",
    ];
    let heard = poll(Duration::from_secs(20), || {
        let mut command = node.kubectl(&ask);
        let output = command.output().expect("kubectl starts");
        (output.stdout == b"behind\n").then_some(())
    });
    assert!(heard.is_some(), "{}", node.logs());
    for pod in ["behind", "asking"] {
        node.delete(pod);
    }
    node.plane
        .done("DELETE /api/v1/namespaces/default/services/front", &Value::Null);
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
