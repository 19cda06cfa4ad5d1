//! What becomes of a registration: the shipped scripts in a real agent, a real Eureka, Events of the Pod, and what a dead node
//! leaves behind. Sources: issue 5 item 2; design.md 3.

use std::net::TcpListener;
use std::process::Command;

use ballast_tests::registries::Jars;
use ballast_tests::{Process, bin, free_port, http};
use serde_json::{Value, json};

use crate::world::{SOON, World, labelled};

/// The agent of the Pod with the name of this machine, which is what it takes its own for.
fn agent(world: &World) -> Process {
    let mut command = Command::new(bin("ballast"));
    command
        .arg("agent")
        .env("BALLAST_REPO", &world.repo().url)
        .env("BALLAST_NAMESPACE", "default")
        .env("BALLAST_LOG", "info");
    Process::spawn("agent", &mut command).expect("it starts")
}

fn hostname() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    text.trim().to_owned()
}

/// Whether the Pod's Events have one with this reason that says this.
#[track_caller]
fn wait_event(world: &World, pod: &str, reason: &str, words: &str) {
    world.wait_for(&format!("an Event {reason} with {words:?}"), || {
        let mut events = world.events("Pod", pod).into_iter();
        events.any(|(_, found, note)| found == reason && note.contains(words))
    });
}

/// Ids of the instances that the registry has.
fn instances(eureka: &str) -> Vec<String> {
    let Ok(answer) = http::Request::new("GET", &format!("{eureka}/apps/ORDERS"))
        .header("Accept", "application/json")
        .send()
    else {
        return Vec::new();
    };
    if answer.status != 200 {
        return Vec::new();
    }
    let list = answer.json()["application"]["instance"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    list.iter()
        .filter_map(|one| Some(one["instanceId"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn events_tell_of_registrations_and_a_dead_node_leaves_none() {
    let port = free_port();
    // It takes as long to start as all else.
    let eureka = std::thread::spawn(move || Jars::of_tests().eureka_here(port).expect("Eureka starts"));
    let world = World::start();
    let controller = world.leader("one");
    let _eureka = eureka.join().expect("it has started");
    let eureka = format!("http://127.0.0.1:{port}/eureka");
    let (app, silent) = (TcpListener::bind("127.0.0.1:0").unwrap(), free_port());
    let app_port = app.local_addr().unwrap().port();
    let name = hostname();
    let configuration = |servers: &str| {
        json!({
            "apiVersion": "infra.flomesh.io/v1alpha1", "kind": "InfraConfiguration", "metadata": {"name": "all"},
            "spec": {"registry": {"servers": [servers], "backoffSeconds": 1, "leaseSeconds": 600, "drainSeconds": 0}},
        })
    };
    let path = "/apis/infra.flomesh.io/v1alpha1/namespaces/default/infraconfigurations";
    world.plane.done(
        &format!("POST {path}"),
        &configuration(&format!("http://127.0.0.1:{silent}/eureka")),
    );
    let create = || {
        let mut pod = labelled(&name);
        let container = &mut pod["spec"]["containers"][0];
        container["ports"] = json!([{ "containerPort": app_port }]);
        container["readinessProbe"] = json!({"tcpSocket": {"port": app_port}, "periodSeconds": 1});
        world.create(&pod);
        let status = json!({"status": {
            "phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }});
        world.patch(&format!("{name}/status"), &status);
    };
    create();
    let first = agent(&world);

    // Nobody answers there.
    let id = format!("127.0.0.1:orders:{app_port}");
    wait_event(&world, &name, "RegistrationFailed", &id);
    world.plane.done(&format!("PATCH {path}/all"), &configuration(&eureka));
    wait_event(&world, &name, "Registered", "registered as UP");
    assert_eq!(instances(&eureka), [id.as_str()]);
    let described = world.plane.kubectl(&["describe", "pod", &name]);
    assert!(
        described.contains("RegistrationFailed") && described.contains("registered as UP"),
        "{described}"
    );

    // In order: it leaves by itself.
    world
        .plane
        .done(&format!("DELETE /api/v1/namespaces/default/pods/{name}"), &Value::Null);
    wait_event(&world, &name, "Deregistered", &id);
    assert_eq!(instances(&eureka), Vec::<String>::new());
    world.remove(&name);
    world.wait_gone(&name);
    assert!(first.stop(SOON).is_some());

    // Its node dies: nobody leaves, and the lease would take ten minutes.
    create();
    let second = agent(&world);
    world.wait_for("it is registered again", || instances(&eureka) == [id.as_str()]);
    drop(second);
    assert_eq!(instances(&eureka), [id.as_str()]);
    world.remove(&name);
    world.wait_for("what is left to be removed", || instances(&eureka).is_empty());
    world.wait_for("it to be told", || {
        controller.output().contains("registrations of a dead Pod are removed")
    });
}
