//! A Deployment is rolled while it is called through a Spring Cloud client: no request fails. The app ends at once on SIGTERM; that
//! it has no callers any longer by then is the doing of the preStop hook that our webhook adds. Source: issue 5, design.md 3.

use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::registries::{Jars, SHOP_PORT};
use ballast_tests::{Process, poll, process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::world::{SOON, World, registered};

const REPLICAS: usize = 10;
/// Longest roll-out of ten on a busy machine.
const ROLL_OUT: Duration = Duration::from_secs(180);

pub(crate) fn a_deployment_is_rolled_without_a_failed_request(world: &World) {
    world.node.apply(&deployment());
    world.wait_instances("roll", REPLICAS);
    the_webhook_added_a_hook(world);
    let client = Jars::of_tests()
        .shop_client(world.node.netns())
        .expect("the client starts");
    let url = format!("http://127.0.0.1:{SHOP_PORT}/call?service=roll&path=/hello.txt");
    // The client has to have the list before it counts.
    let first = ballast_tests::http::Request::new("GET", &url).timeout(Duration::from_secs(5));
    let answered = poll(SOON, || {
        let answer = world.node.netns().run(|| first.send()).ok()?;
        (answer.status == 200).then_some(())
    });
    assert!(answered.is_some(), "{}", client.output());
    let mut load = Load::start(world, &url);

    let start = Instant::now();
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"rolled": "once"}}}}});
    world
        .node
        .plane
        .done("PATCH /apis/apps/v1/namespaces/default/deployments/roll", &restart);
    let out = poll(ROLL_OUT, || is_rolled_out(world).then_some(()));
    assert!(
        out.is_some(),
        "not rolled out: {}",
        world.node.plane.kubectl(&["get", "pods", "-o", "wide"])
    );
    println!("      {REPLICAS} replaced in {:.1} s", start.elapsed().as_secs_f64());
    world.wait_instances("roll", REPLICAS);
    // Those that go are called for as long as the client has not read that they do.
    poll(Duration::from_secs(3), || None::<()>);

    let said = load.finish();
    let line = |what: &str| said.lines().find(|line| line.contains(what)).map(str::trim);
    assert!(
        line("Non-2xx").is_none() && line("Socket errors").is_none(),
        "{said}\n{}",
        client.output()
    );
    let requests = line("requests in").unwrap_or_else(|| panic!("nothing was called: {said}"));
    println!("      {requests}; none failed");
    drop(client);
    world
        .node
        .plane
        .done("DELETE /apis/apps/v1/namespaces/default/deployments/roll", &Value::Null);
}

/// wrk inside, until it is told to print what it saw.
struct Load {
    wrk: Process,
}

impl Load {
    #[track_caller]
    fn start(world: &World, url: &str) -> Self {
        let mut command: Command = world.node.netns().command("wrk");
        // Two callers at a time: a machine of two cores has a cluster to run beside it.
        command.args([
            "--threads",
            "1",
            "--connections",
            "2",
            "--duration",
            "600s",
            "--timeout",
            "10s",
            url,
        ]);
        Self {
            wrk: Process::spawn("wrk", &mut command).expect("it starts"),
        }
    }

    #[track_caller]
    fn finish(&mut self) -> String {
        // The one that was started only waits for the one inside.
        for id in process::descendants(self.wrk.id()) {
            let _gone_already = kill(Pid::from_raw(i32::try_from(id).expect("a pid")), Signal::SIGINT);
        }
        assert!(self.wrk.wait(Duration::from_secs(20)).is_some(), "wrk goes on");
        self.wrk.drain_output();
        self.wrk.output()
    }
}

fn is_rolled_out(world: &World) -> bool {
    let path = "GET /apis/apps/v1/namespaces/default/deployments/roll";
    let object = world.node.plane.done(path, &Value::Null);
    let status = &object["status"];
    let all = |field: &str| status[field].as_u64() == Some(REPLICAS as u64);
    status["observedGeneration"] == object["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|field| all(field))
}

/// Nobody wrote it into the manifest.
#[track_caller]
fn the_webhook_added_a_hook(world: &World) {
    let list = world.node.plane.done(
        "GET /api/v1/namespaces/default/pods?labelSelector=app%3Droll",
        &Value::Null,
    );
    for pod in list["items"].as_array().expect("a list has items") {
        let hook = &pod["spec"]["containers"][0]["lifecycle"]["preStop"]["httpGet"];
        assert_eq!(hook["path"], "/drain", "{}", pod["spec"]);
    }
}

fn deployment() -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: roll
spec:
  replicas: {REPLICAS}
  selector:
    matchLabels: {{app: roll}}
  template:
    metadata:
      labels: {labels}
    spec:
      containers:
        - name: static
          image: localhost/ballast/demo-static:dev
          ports: [{{containerPort: 8080, name: http}}]
          readinessProbe:
            httpGet: {{path: /hello.txt, port: http}}
            periodSeconds: 1
",
        labels = registered("roll")
    )
}
