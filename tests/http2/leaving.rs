//! Reloads, and a process that ends while another has taken over its port, under real HTTP/2 clients: nothing that was asked is lost.
//! Source: RFC 9113 6.8; pipyjs/repo.md 1.1.

use super::{DEADLINE, Script, free_port, peer, run, serve};
use ballast_tests::{Process, bin, poll};
use nix::sys::signal::Signal;
use std::process::Command;

/// A proxy of gRPC on PORT0, before a server on `upstream`.
fn proxy(upstream: u16) -> String {
    format!(
        "pipy().listen('127.0.0.1:PORT0').demuxHTTP().to($ => $
            .handleMessageStart(start => start.head.headers['x-version'] = 'VERSION')
            .muxHTTP(() => 'k', {{ version: 2, maxQueue: 100 }}).to($ => $.connect('127.0.0.1:{upstream}')))"
    )
}

/// Calls one after the other, on one channel of grpc-go, for some seconds; the first that fails ends it.
fn calls(port: u16, count: u32) -> Process {
    let mut command = Command::new(peer("grpc-client"));
    command.args([
        "--use_tls=false",
        "--server_host=127.0.0.1",
        &format!("--server_port={port}"),
    ]);
    command.args([
        "--test_case=rpc_soak",
        &format!("--soak_iterations={count}"),
        "--soak_max_failures=0",
    ]);
    command.args([
        "--soak_per_iteration_max_acceptable_latency_ms=20000",
        "--soak_overall_timeout_seconds=50",
    ]);
    command.args([
        "--soak_min_time_ms_between_rpcs=5",
        "--soak_request_size=1000",
        "--soak_response_size=1000",
    ]);
    Process::spawn("grpc-client", &mut command).expect("it starts")
}

#[track_caller]
fn succeeds(mut client: Process, script: &Script) {
    let status = client.wait(DEADLINE);
    client.drain_output();
    let is_good = status.is_some_and(|status| status.success());
    assert!(is_good, "{status:?}: {}\n{}", client.output(), script.process.output());
}

fn reload(script: &Script, version: u32) {
    let main = script.folder.path().join("main.js");
    let text = std::fs::read_to_string(&main).expect("it is there");
    let (before, after) = (format!("'{}'", version - 1), format!("'{version}'"));
    std::fs::write(&main, text.replace("'VERSION'", "'0'").replace(&before, &after)).expect("the folder is writable");
    let reloads = || script.process.output().matches("reloaded").count();
    let before = reloads();
    script.process.signal(Signal::SIGHUP).expect("it runs");
    let done = poll(DEADLINE, || (reloads() > before).then_some(()));
    assert!(done.is_some(), "{}", script.process.output());
}

#[test]
fn grpc_calls_go_on_through_reloads() {
    let upstream = free_port();
    let _server = serve(
        "grpc-server",
        &["--use_tls=false", &format!("--port={upstream}")],
        upstream,
    );
    let script = Script::start(&proxy(upstream), 1, |_| {});
    let mut client = calls(script.ports[0], 400);
    let mut version = 0;
    while client.is_running() && version < 30 {
        version += 1;
        reload(&script, version);
    }
    assert!(version >= 3, "only {version} reloads meanwhile");
    succeeds(client, &script);
}

/// The old process is told to end once the new one listens on the same port: grpc-go, told by GOAWAY, goes on there.
#[test]
fn grpc_calls_go_on_with_the_next_process() {
    let upstream = free_port();
    let _server = serve(
        "grpc-server",
        &["--use_tls=false", &format!("--port={upstream}")],
        upstream,
    );
    let mut script = Script::start(&proxy(upstream), 0, |_| {});
    drop(script.process);
    let port = free_port();
    let main = script.folder.path().join("main.js");
    let text = std::fs::read_to_string(&main).expect("it is there");
    std::fs::write(&main, text.replace("PORT0", &port.to_string())).expect("the folder is writable");
    let start = || {
        let mut command = Command::new(bin("ballast"));
        let mut process =
            Process::spawn("ballast run", command.args(["run", "--reuse-port"]).arg(&main)).expect("it starts");
        process.wait_output(DEADLINE, "listening on");
        process
    };
    let mut old = start();
    let client = calls(port, 400);
    let asked = poll(DEADLINE, || client.output().contains("iteration: 50 ").then_some(()));
    assert!(asked.is_some(), "{}", client.output());
    script.process = start();
    old.signal(Signal::SIGTERM).expect("it runs");
    assert!(
        old.wait(DEADLINE).is_some_and(|status| status.success()),
        "{}",
        old.output()
    );
    succeeds(client, &script);
}

/// h2load does not connect again after a GOAWAY: what it could not send it counts as failed. So the server counts what it took: all of
/// that is answered.
#[test]
fn h2load_gets_what_the_server_took() {
    let script = Script::start(
        "((taken = new algo.SharedMap('taken')) => pipy()
            .listen('127.0.0.1:PORT0').serveHTTP(req => new Message(
                req.head.path === '/taken' ? 'VERSION ' + taken.get('/') : (taken.add(req.head.path, 1), 'hello'))))()",
        1,
        |_| {},
    );
    let url = format!("http://127.0.0.1:{}/", script.ports[0]);
    let said = std::thread::scope(|scope| {
        let load = scope.spawn(|| run("h2load", &["-c", "8", "-m", "32", "-n", "400000", &url]));
        let mut version = 0;
        while !load.is_finished() && version < 5 {
            version += 1;
            reload(&script, version);
        }
        load.join().expect("no panic").1
    });
    let (ok, taken) = run("curl", &["--silent", &format!("{url}taken")]);
    let taken = taken.rsplit(' ').next().unwrap_or_default().to_owned();
    assert!(ok && taken != "0", "{taken}");
    assert!(
        said.contains(&format!(" {taken} succeeded")),
        "{taken} were taken: {said}"
    );
}
