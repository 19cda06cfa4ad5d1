//! Registries that are down, slow, wrong or several. Source: issue 3, item 6, third point.

use std::time::{Duration, Instant};

use ballast_tests::wait_for;

use crate::SOON;
use crate::pod::{Pod, registry};
use crate::relay::{Mode, Relay};
use crate::stage::Stage;

/// Pauses that double from 1 s to the 2 s of `registry`, a tenth less at most.
const FIVE_ATTEMPTS: Duration = Duration::from_millis(900 * (1 + 2 + 2 + 2));

#[test]
fn a_eureka_that_restarts_empty_is_told_again() {
    let stage = Stage::own();
    let pod = Pod::new(&stage, "again");
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    stage.kill_eureka();
    stage.start_eureka();
    pod.await_status("UP");
}

/// While a server fails, attempts become rare, and nothing grows. `mode` is how it fails.
#[track_caller]
fn check_backoff(service: &str, port: u16, mode: Mode) {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, port);
    let mut pod = Pod::new(&stage, service);
    pod.registry = registry(&[&relay.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let attempts = || relay.server.requests().len();
    relay.set(mode);
    let before = attempts();
    wait_for(SOON, "the first failure", || attempts() > before);
    let (start, first, memory) = (Instant::now(), attempts(), pod.resident_kib());
    wait_for(Duration::from_secs(60), "four more attempts", || {
        attempts() >= first + 4
    });
    let took = start.elapsed();
    assert!(took >= FIVE_ATTEMPTS, "{mode:?}: five attempts in {took:?}");
    assert!(
        relay.server.open() <= 5,
        "{mode:?}: {} connections",
        relay.server.open()
    );
    let grown = pod.resident_kib().saturating_sub(memory);
    assert!(grown < 1024, "{mode:?}: {grown} KiB more");
    relay.set(Mode::Pass);
    stage.remove(service, &pod.id(8080));
    pod.await_status("UP");
    let start = Instant::now();
    wait_for(SOON, "heartbeats again", || relay.beats_since(start).len() >= 3);
}

#[test]
fn a_server_that_hangs_up_gets_rare_attempts() {
    check_backoff("hangsup", 7031, Mode::HangUp);
}

#[test]
fn a_server_that_answers_500_gets_rare_attempts() {
    check_backoff("broken", 7032, Mode::Status(500));
}

#[test]
fn a_server_that_hangs_gets_rare_attempts() {
    check_backoff("hanging", 7033, Mode::Hang);
}

/// Readiness that flips while nobody answers is told when somebody does.
#[test]
fn the_last_status_wins_after_an_outage() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7034);
    let mut pod = Pod::new(&stage, "outage");
    pod.registry = registry(&[&relay.url("")]);
    let app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    relay.set(Mode::Status(503));
    app.answer(500);
    let before = relay.server.count("POST");
    wait_for(SOON, "DOWN is told in vain", || relay.server.count("POST") > before);
    relay.set(Mode::Pass);
    pod.await_status("DOWN");
}

#[test]
fn of_several_servers_the_one_that_answers_is_kept() {
    let stage = Stage::shared();
    let (one, two) = (Relay::start(&stage, 7035), Relay::start(&stage, 7036));
    let mut pod = Pod::new(&stage, "several");
    // Nobody listens on the first.
    pod.registry = registry(&[&one.url("").replace("7035", "7099"), &one.url(""), &two.url("")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    let start = Instant::now();
    wait_for(SOON, "beats to the first that answers", || {
        one.beats_since(start).len() >= 3
    });
    assert_eq!(two.server.connections(), 0);
    one.set(Mode::Status(500));
    wait_for(SOON, "beats to the next", || two.beats_since(start).len() >= 2);
    one.set(Mode::Pass);
    let (left, start) = (one.server.requests().len(), Instant::now());
    wait_for(SOON, "more beats to the next", || two.beats_since(start).len() >= 3);
    assert_eq!(one.server.requests().len(), left, "it stays with the one that answers");
}

#[test]
fn basic_authentication_is_sent_and_never_logged() {
    let stage = Stage::shared();
    let relay = Relay::start(&stage, 7037);
    let mut pod = Pod::new(&stage, "login");
    pod.registry = registry(&[&relay.url("us%65r:p%40ss-w0rd@")]);
    let _app = pod.app(8080);
    pod.run();
    pod.await_status("UP");
    // user:p@ss-w0rd in Base64 (RFC 7617).
    let wanted = Some("Basic dXNlcjpwQHNzLXcwcmQ=");
    relay.set(Mode::HangUp);
    let before = relay.server.connections();
    wait_for(SOON, "failures to log", || relay.server.connections() > before + 2);
    assert!(
        relay
            .server
            .requests()
            .iter()
            .all(|r| r.header("authorization") == wanted)
    );
    let log = pod.log();
    for secret in ["p@ss-w0rd", "p%40ss-w0rd", "dXNlcjpwQHNzLXcwcmQ="] {
        assert!(!log.contains(secret), "{log}");
    }
}
