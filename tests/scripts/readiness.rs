//! A status that follows readiness, counted as the kubelet counts. Source: issue 3, item 6, second point; Kubernetes API
//! reference, Probe v1 core.

use std::time::{Duration, Instant};

use ballast_tests::wait_for;

use crate::SOON;
use crate::pod::{Pod, container};
use crate::stage::Stage;

#[test]
fn up_down_and_back_for_ever() {
    let stage = Stage::shared();
    let pod = Pod::new(&stage, "flips");
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    for _ in 0..4 {
        app.answer(503);
        eprintln!("unready → DOWN in Eureka: {:?}", pod.await_status("DOWN"));
        app.answer(200);
        eprintln!("ready → UP in Eureka: {:?}", pod.await_status("UP"));
    }
}

/// An earlier attempt at this job stopped for ever at the first failed check.
#[test]
fn a_single_failed_check_changes_nothing() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "hiccup");
    pod.containers = container("httpGet: {path: /health, port: 8080}, periodSeconds: 1, failureThreshold: 2");
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let before = app.server.connections();
    app.answer(500);
    wait_for(SOON, "a check fails", || app.server.connections() > before);
    app.answer(200);
    let seen = stage.statuses_until("hiccup", &pod.id(8080), "three more checks", || {
        app.server.connections() > before + 3
    });
    assert_eq!(seen, ["UP"]);
    app.answer(500);
    pod.await_status("DOWN");
}

#[test]
fn thresholds_count_checks_in_a_row() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "thresholds");
    pod.containers =
        container("httpGet: {path: /health, port: http}, periodSeconds: 1, failureThreshold: 3, successThreshold: 2");
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    for (answer, status, wanted) in [(500, "DOWN", 3), (200, "UP", 2), (399, "UP", 0), (400, "DOWN", 3)] {
        let start = Instant::now();
        app.answer(answer);
        pod.await_status(status);
        let checks = app.server.requests().iter().filter(|r| r.at >= start).count();
        // One check may be under way when the answer changes, one may follow before Eureka is asked.
        assert!(
            (wanted..=wanted + 1).contains(&checks),
            "{status} after {checks} checks, not {wanted}"
        );
    }
}

#[test]
fn a_check_that_hangs_or_trickles_is_a_failed_check() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "slow");
    pod.containers =
        container("httpGet: {path: /health, port: http}, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2");
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    app.hang(true);
    pod.await_status("DOWN");
    app.hang(false);
    pod.await_status("UP");
    app.trickle(true);
    pod.await_status("DOWN");
    app.trickle(false);
    pod.await_status("UP");
    wait_for(SOON, "no connection of an old check stays", || app.server.open() <= 1);
}

#[test]
fn the_first_check_waits_for_the_initial_delay_and_periods_are_kept() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "delayed");
    pod.containers = container("httpGet: {path: /health, port: http}, initialDelaySeconds: 3, periodSeconds: 2");
    let app = pod.app(8080);
    let start = Instant::now();
    pod.run();
    pod.await_status("UP");
    wait_for(SOON, "three checks", || app.server.requests().len() >= 3);
    let at: Vec<_> = app
        .server
        .requests()
        .iter()
        .map(|r| r.at.duration_since(start))
        .collect();
    assert!(at[0] >= Duration::from_secs(3), "{at:?}");
    let period = at[2].saturating_sub(at[1]);
    assert!(
        period > Duration::from_millis(1500) && period < Duration::from_millis(3500),
        "{at:?}"
    );
}

#[test]
fn without_a_probe_the_port_decides() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "portonly");
    pod.containers = container("");
    pod.labels += ", infra.flomesh.io/port: http";
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    assert!(app.server.requests().is_empty(), "a connect is no request");
    drop(app);
    pod.await_status("DOWN");
    let _app = pod.app(8080);
    pod.await_status("UP");
}

/// An exec probe runs in the container, where only the kubelet gets: its verdict comes with pod.json.
#[test]
fn of_an_exec_probe_the_kubelets_verdict_counts() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "execs");
    pod.containers = container("exec: {command: [secret]}");
    pod.labels += ", infra.flomesh.io/port: http";
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    for (ready, status) in [("false", "DOWN"), ("true", "UP")] {
        let said = pod.publish(&["--ready", ready]);
        assert!(said.contains("in place"), "{said}");
        pod.await_status(status);
    }
    drop(app);
    pod.await_status("DOWN");
}
