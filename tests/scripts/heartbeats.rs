//! What keeps an instance in the registry. Source: issue 3, item 6, third point and the last paragraph.

use std::time::{Duration, Instant};

use ballast_tests::wait_for;

use crate::SOON;
use crate::pod::{Pod, registry};
use crate::relay::Relay;
use crate::stage::Stage;

/// One beat a second, more or less: the scripts move each by up to a tenth.
fn check_one_train(beats: &[Instant]) {
    let gaps: Vec<Duration> = beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let sum: Duration = gaps.iter().sum();
    let mean = sum.as_secs_f64() / gaps.len().max(1) as f64;
    assert!(
        (0.85..1.5).contains(&mean),
        "a beat each {mean} s, not each second: {gaps:?}"
    );
    assert!(
        gaps.iter().all(|gap| *gap > Duration::from_millis(500)),
        "two trains: {gaps:?}"
    );
}

#[test]
fn heartbeats_come_with_jitter() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7021);
    let mut pod = Pod::new(&stage, "beats");
    pod.registry = registry(&[&relay.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let start = Instant::now();
    wait_for(SOON, "eight beats", || relay.beats_since(start).len() >= 8);
    let beats = relay.beats_since(start);
    check_one_train(&beats);
    let gaps: Vec<u128> = beats.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    let (low, high) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(high - low > 10, "no jitter: {gaps:?}");
    assert_eq!(relay.server.count("POST"), 1, "registered once");
}

#[test]
fn an_instance_that_eureka_lost_registers_again_with_the_same_timer() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7022);
    let mut pod = Pod::new(&stage, "lost");
    pod.registry = registry(&[&relay.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    for times in 1..=3 {
        stage.remove("lost", &pod.id(8080));
        wait_for(SOON, "registered again", || relay.server.count("POST") == 1 + times);
        pod.await_status("UP");
    }
    let start = Instant::now();
    wait_for(SOON, "five beats", || relay.beats_since(start).len() >= 5);
    check_one_train(&relay.beats_since(start));
    assert_eq!(relay.server.count("POST"), 4);
}

#[test]
fn an_operators_out_of_service_stays() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7023);
    let mut pod = Pod::new(&stage, "benched");
    pod.registry = registry(&[&relay.url("")]);
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    stage.override_out_of_service("benched", &pod.id(8080));
    let start = Instant::now();
    let seen = stage.statuses_until("benched", &pod.id(8080), "three beats", || {
        relay.beats_since(start).len() >= 3
    });
    assert_eq!(seen, ["OUT_OF_SERVICE"]);
    // Unready and back: it is still the operator's.
    app.answer(500);
    wait_for(SOON, "DOWN is told", || relay.server.count("POST") == 2);
    app.answer(200);
    wait_for(SOON, "UP is told", || relay.server.count("POST") == 3);
    // Eureka stores what it is told a moment before it applies the override.
    pod.await_status("OUT_OF_SERVICE");
    let start = Instant::now();
    let seen = stage.statuses_until("benched", &pod.id(8080), "three more beats", || {
        relay.beats_since(start).len() >= 3
    });
    assert_eq!(seen, ["OUT_OF_SERVICE"]);
}

#[test]
fn a_change_that_does_not_matter_moves_no_heartbeat() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7024);
    let mut pod = Pod::new(&stage, "steady");
    pod.registry = registry(&[&relay.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let start = Instant::now();
    for round in 1..=4 {
        let said = pod.publish(&["--ready", if round % 2 == 0 { "true" } else { "false" }]);
        assert!(said.contains("in place"), "{said}");
        wait_for(SOON, "a beat", || relay.beats_since(start).len() > round);
    }
    check_one_train(&relay.beats_since(start));
    assert_eq!(relay.server.count("POST"), 1);
    // The change was seen all right: the next one matters.
    pod.publish(&["--deleting"]);
    pod.await_status("GONE");
}

/// A new version of the scripts is loaded beside the old one; callers notice nothing.
#[test]
fn a_reload_keeps_the_instance_up_with_one_heartbeat() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7025);
    let mut pod = Pod::new(&stage, "reload");
    pod.registry = registry(&[&relay.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    pod.registry += ", metadata: {zone: a}";
    let said = pod.publish(&[]);
    assert!(said.contains("new version"), "{said}");
    let seen = stage.statuses_until("reload", &pod.id(8080), "the new scripts register", || {
        let instance = stage.instance("reload", &pod.id(8080));
        instance.is_some_and(|instance| instance["metadata"]["zone"] == "a")
    });
    assert_eq!(seen, ["UP"]);
    let start = Instant::now();
    wait_for(SOON, "five beats", || relay.beats_since(start).len() >= 5);
    check_one_train(&relay.beats_since(start));
}
