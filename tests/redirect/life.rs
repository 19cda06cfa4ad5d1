//! What the agent knows of redirection, and what its end and its beginning mean for connections.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use ballast_tests::http::Request;
use ballast_tests::{poll, wait_for};

use crate::cluster::{Cluster, POD, at, get};
use crate::server::{Reply, Server};
use crate::support::{DEADLINE, init};

#[test]
fn without_rules_it_says_so_and_nothing_is_touched() {
    let mut cluster = Cluster::new();
    cluster.start(65535);
    cluster.await_redirect("not in place: a probe of 127.0.0.1:15064 says");
    let app = Server::start(&cluster.pod, &at(POD[0], 8080), |_| Reply::Answer(200, Vec::new()));
    get(&cluster.world, &format!("http://{}/", at(POD[0], 8080))).expect("it answers");
    assert_eq!(app.requests().len(), 1, "it came");
    assert_eq!(
        cluster.metric(r#"proxy_connections{direction="inbound",protocol="HTTP"}"#),
        0.0
    );
    // As an init container does it: after the agent has begun.
    cluster.rules("");
    cluster.await_redirect("in place");
    wait_for(DEADLINE, "it logs so", || cluster.log().contains("[redirect] in place"));
    assert_eq!(init(&cluster.pod, "--check").code, 0);
}

/// One request: how it went and how long it took.
fn attempt(url: &str) -> (bool, Duration) {
    let began = Instant::now();
    let answer = Request::new("GET", url).timeout(Duration::from_secs(5)).send();
    (answer.is_ok_and(|answer| answer.status == 200), began.elapsed())
}

/// Ends the load also when the test fails: its threads are waited for.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn killed_under_load_it_is_back_at_once() {
    let mut cluster = Cluster::running();
    let _app = Server::start(&cluster.pod, &at(POD[0], 8080), |_| Reply::Answer(200, vec![b'x'; 100]));
    let url = format!("http://{}/", at(POD[0], 8080));
    assert!(cluster.world.run(|| attempt(&url)).0);
    // What runs next comes out of the memfd.
    cluster.kill_repo();
    let is_over = AtomicBool::new(false);
    let (mut gaps, slowest) = std::thread::scope(|scope| {
        let over = Over(&is_over);
        let load: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    cluster.world.run(|| {
                        let mut slowest = Duration::ZERO;
                        while !is_over.load(SeqCst) {
                            slowest = slowest.max(attempt(&url).1);
                        }
                        slowest
                    })
                })
            })
            .collect();
        let mut gaps = Vec::new();
        // After three ends within ten seconds each an agent asks the Repo first, which is not there.
        for _ in 0..3 {
            let old = cluster.agent_pid();
            cluster.kill_agent();
            let killed = Instant::now();
            let back = cluster
                .world
                .run(|| poll(DEADLINE, || attempt(&url).0.then(|| killed.elapsed())));
            gaps.push(back.unwrap_or_else(|| panic!("it does not come back; it says:\n{}", cluster.log())));
            assert_ne!(cluster.agent_pid(), old, "another process");
            // PID 1 holds back an agent that ends soon after its start; this one has lived.
            std::thread::sleep(Duration::from_millis(1500));
        }
        drop(over);
        let slowest = load
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .max();
        (gaps, slowest.unwrap_or_default())
    });
    gaps.sort_unstable();
    println!("killed under load: back after {gaps:?}; slowest request {slowest:?}");
    assert!(
        slowest < Duration::from_secs(2),
        "refused or answered, never hanging: {slowest:?}"
    );
    // 200 ms is the promise for a machine with a core to spare; here others' tests run, perhaps with a debug build.
    assert!(
        gaps.get(1).is_some_and(|gap| *gap < Duration::from_secs(1)),
        "back after {gaps:?}"
    );
}
